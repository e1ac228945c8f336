// The clock of a sandbox, and what a server in production says of it.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Client, errors } from "iocash-client";

const { IOCASH_URL = "", IOCASH_KEY = "", LIVE_URL = "", LIVE_KEY = "" } = process.env;
const client = new Client(IOCASH_URL, IOCASH_KEY);
const day = 86_400_000;

test("clock advances", async () => {
  const begun = Date.parse(await client.sandbox.now());
  const reached = Date.parse(await client.sandbox.advance({ months: 1, days: 1, hours: 2 }));
  assert(reached - begun >= 29 * day && reached - begun < 33 * day);
  assert(Date.parse(await client.sandbox.now()) >= reached);
  await assert.rejects(client.sandbox.advance({ years: 2 }), errors.InvalidFields);
  for (const wrong of [{}, { days: 0 }, { days: -1 }, { days: 0.5 }]) {
    await assert.rejects(client.sandbox.advance(wrong), TypeError);
  }
});

test("answers tell that they are of a sandbox", async () => {
  assert.equal((await client.getMe()).meta.isSandbox, true);
  assert.equal((await new Client(LIVE_URL, LIVE_KEY).getMe()).meta.isSandbox, false);
});

test("server in production knows no sandbox", async () => {
  const live = new Client(LIVE_URL, LIVE_KEY);
  await assert.rejects(live.sandbox.now(), errors.NotFound);
  await assert.rejects(live.sandbox.advance({ months: 1 }), errors.NotFound);
});

test("refusals are forced", async () => {
  const refused = new Client(IOCASH_URL, "sandbox:refuse:credentials_revoked");
  await assert.rejects(refused.getMe(), errors.CredentialsRevoked);
});
