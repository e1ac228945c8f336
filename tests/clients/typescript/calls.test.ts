// What the client sends, to a server of this process that answers what it is told.
import assert from "node:assert/strict";
import { createHmac, generateKeyPairSync, verify } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { after, beforeEach, test } from "node:test";
import { inspect } from "node:util";

import { Client, NoAnswer, NotVerified, SignedTokens, UnexpectedAnswer, Webhook, errors }
  from "iocash-client";

interface Told {
  status?: number;
  headers?: Record<string, string>;
  body?: unknown;
}
interface Seen {
  method: string | undefined;
  url: string | undefined;
  headers: IncomingMessage["headers"];
  body: string;
}

const answers: Told[] = [];
const seen: Seen[] = [];
const server = createServer(async (request, response) => {
  let body = "";
  for await (const piece of request) body += piece;
  seen.push({ method: request.method, url: request.url, headers: request.headers, body });
  const { status = 200, headers = {}, body: told = { id: "1" } } = answers.shift() ?? {};
  response.writeHead(status, headers).end(typeof told === "string" ? told : JSON.stringify(told));
});
await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const hasty = { deadline: 10_000, firstDelay: 5, longestDelay: 20 };
const client = new Client(url, "secret", { retries: hasty });
const order = { type: "TRANSFER", targetWalletId: "2", amount: "1.00" } as const;

beforeEach(() => {
  answers.length = seen.length = 0;
});
after(() => server.close());

function problem(status: number, code: string, more: object = {}): Told {
  const texts = { type: "-", title: "-", detail: "-", instance: "-", requestId: "-" };
  return { status, body: { ...texts, status, code, ...more } };
}

function keys(): Set<string | string[] | undefined> {
  return new Set(seen.map((each) => each.headers["idempotency-key"]));
}

test("all tries have one key", async () => {
  answers.push({ status: 503 }, problem(503, "outcome_unknown"), { status: 502 }, { body: "<html>" },
    problem(503, "overloaded"), { status: 429 });
  await client.createMovement("1", order);
  assert.equal(seen.length, 7);
  assert.equal(keys().size, 1);
  assert.match(String([...keys()][0]), /^"[0-9a-f-]{36}"$/);
  await client.createMovement("1", order);
  assert.equal(keys().size, 2);
});

test("key of the caller is quoted, and a malformed one is refused", async () => {
  await client.createMovement("1", order, { key: 'a"b\\' });
  assert.deepEqual([...keys()], ['"a\\"b\\\\"']);
  for (const key of ["", "ñ", "a\nb", "a".repeat(256)]) {
    await assert.rejects(client.createMovement("1", order, { key }), TypeError);
  }
  assert.equal(seen.length, 1);
});

test("retry waits as long as the server asks", async () => {
  answers.push({ ...problem(503, "overloaded"), headers: { "Retry-After": "1" } });
  const begin = performance.now();
  await client.getMe();
  assert(performance.now() - begin >= 1000);
});

test("call ends before its deadline if the server asks for more", async () => {
  answers.push({ ...problem(503, "overloaded"), headers: { "Retry-After": "60" } });
  await assert.rejects(client.getMe(), (error) =>
    error instanceof errors.ServiceUnavailable && error.retryAfter === 60 && error.tries === 1);
});

test("500 is raised after three tries", async () => {
  for (let n = 0; n < 4; n++) answers.push(problem(500, "internal_error"));
  await assert.rejects(client.createMovement("1", order), (error) =>
    error instanceof errors.InternalServerError && error.tries === 3 && error.isOutcomeUnknown);
});

test("call without a key is repeated only if it was not executed", async () => {
  answers.push(problem(503, "overloaded"), problem(503, "outcome_unknown"));
  await assert.rejects(client.requestOtp("1"), (error) =>
    error instanceof errors.OutcomeUnknown && error.tries === 2 && error.key === undefined);
});

test("answer of something else is no answer", async () => {
  answers.push({ status: 404, body: "<html>" });
  await assert.rejects(client.getMe(), (error) =>
    error instanceof UnexpectedAnswer && error.status === 404 && error.tries === 1);
  answers.push({ status: 302, headers: { Location: "/elsewhere" } });
  await assert.rejects(client.getMe(), UnexpectedAnswer);
  assert.equal(seen.length, 2);
});

test("code that is not known has the class of its status", async () => {
  answers.push(problem(409, "new_code", { conflict: { walletId: "1" } }));
  await assert.rejects(client.getMe(), (error) => error instanceof errors.Conflict
    && error.constructor === errors.Conflict && error.code === "new_code");
  answers.push(problem(403, "insufficient_funds"));
  await assert.rejects(client.getMe(), errors.Forbidden);
});

test("number in a body is refused", async () => {
  const wrong = { ...order, amount: 0.1 + 0.2 } as unknown as typeof order;
  await assert.rejects(client.createMovement("1", wrong), TypeError);
  const filter = { minAmount: 0.1 } as unknown as { minAmount: string };
  await assert.rejects(client.listMovements("1", filter).first(), TypeError);
  assert.equal(seen.length, 0);
});

test("query has commas and brackets", async () => {
  answers.push({ body: { _links: {}, _embedded: { movements: [] } } });
  const filters = { type: ["CASH_IN", "TRANSFER"], metadata: { order: "1 2" }, reference: undefined };
  await client.listMovements("1", filters as object).first();
  const asked = "size=100&type=CASH_IN%2CTRANSFER&metadata%5Border%5D=1+2";
  assert.equal(seen[0]?.url, `/api/v1/wallets/1/movements?${asked}`);
});

test("id stays one part of the path", async () => {
  await client.getWallet("a/b?");
  assert.equal(seen[0]?.url, "/api/v1/wallets/a%2Fb%3F");
  for (const id of ["", ".", "..", undefined as unknown as string]) {
    await assert.rejects(client.createIban(id), TypeError);
  }
});

test("requests stay on the URL of the client", async () => {
  const next = { href: "https://elsewhere.example/api/v1/wallets?cursor=abc" };
  answers.push({ body: { _links: { next }, _embedded: { wallets: [{ id: "1" }] } } });
  answers.push({ body: { _links: {}, _embedded: { wallets: [{ id: "2" }] } } });
  const found: string[] = [];
  for await (const wallet of client.listWallets()) found.push(wallet.id);
  assert.deepEqual(found, ["1", "2"]);
  assert.equal(seen[1]?.url, "/api/v1/wallets?size=100&cursor=abc");
});

test("reads follow the last write", async () => {
  const caller = new Client(url, "secret");
  answers.push({ headers: { "X-Write-Token": "17" } });
  await caller.createMovement("1", order);
  await caller.getMe();
  await caller.withRetries({ deadline: 1_000 }).getMe();
  const read = seen.map((each) => each.headers["x-read-after"]);
  assert.deepEqual(read, [undefined, "17", "17"]);
});

test("server may wait as long as it was asked to", async () => {
  const caller = new Client(url, "secret", { retries: { deadline: 200, timeout: 100 } });
  const slow = createServer((_, response) => setTimeout(() =>
    response.end('{"_links":{},"_embedded":{"events":[]}}'), 400));
  await new Promise<void>((listening) => slow.listen(0, "127.0.0.1", listening));
  const port = (slow.address() as AddressInfo).port;
  const patient = new Client(`http://127.0.0.1:${port}`, "secret", { retries: { deadline: 200, timeout: 100 } });
  await patient.listEvents({ wait: 2 } as object).first();
  await assert.rejects(patient.listEvents().first(), (error) =>
    error instanceof NoAnswer && error.isOutcomeUnknown);
  slow.close();
  await caller.getMe();
});

test("server that is away is tried until the deadline", async () => {
  const unused = createServer();
  await new Promise<void>((listening) => unused.listen(0, "127.0.0.1", listening));
  const { port } = unused.address() as AddressInfo;
  await new Promise((closed) => unused.close(closed));
  for (const host of ["127.0.0.1", "localhost"]) {
    const away = new Client(`http://${host}:${port}`, "secret", { retries: { deadline: 200, firstDelay: 10 } });
    await assert.rejects(away.createIban("0", { key: "iban-1" }), (error) => error instanceof NoAnswer
      && error.tries > 2 && error.key === "iban-1" && !error.isOutcomeUnknown);
  }
});

test("URL that could show the key is refused", () => {
  const wrong = ["http://iocash.example", "ftp://iocash.example", "iocash.example",
    "http://127.0.0.1.iocash.example@iocash.example", "https://alice@iocash.example",
    "https://iocash.example/?a=b"];
  for (const each of wrong) assert.throws(() => new Client(each, "secret"), TypeError, each);
  new Client("http://localhost:8000", "secret");
  new Client("http://[::1]:8000", "secret");
  new Client("http://iocash.example", "secret", { allowHttp: true });
  for (const key of ["", "a b", "a\r\nHost: b", "ñ"]) {
    assert.throws(() => new Client("https://iocash.example", key), TypeError);
  }
  assert.equal(inspect(client, { depth: 9, showHidden: true }).includes("secret"), false);
});

// --- Webhooks

const EVENT = JSON.stringify({ id: "1", kind: "webhook.ping", data: { balance: "0.10" } });
const SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

function signedAt(time: number, body = EVENT): Record<string, string> {
  const key = Buffer.from(SECRET.slice(6), "base64");
  const signature = createHmac("sha256", key).update(`1.${time}.${body}`).digest("base64");
  return { "webhook-id": "1", "webhook-timestamp": `${time}`, "webhook-signature": `v1,${signature}` };
}

test("changed webhook is not verified", () => {
  const webhook = new Webhook(SECRET);
  const now = Math.floor(Date.now() / 1000);
  const headers = signedAt(now);
  assert.equal(webhook.verify(EVENT, headers).kind, "webhook.ping");
  assert.equal(webhook.verify(Buffer.from(EVENT), new Headers(headers)).kind, "webhook.ping");
  const rotated = { ...headers, "webhook-signature": `v1,AAAA ${headers["webhook-signature"]}` };
  assert.equal(webhook.verify(EVENT, rotated).kind, "webhook.ping");
  const wrong: [string, Record<string, string>][] = [
    [`${EVENT} `, headers],
    [EVENT, { ...headers, "webhook-id": "2" }],
    [EVENT, { ...headers, "webhook-timestamp": `${now - 1}` }],
    [EVENT, signedAt(now - 301)],
    [EVENT, signedAt(now + 302)],
    [EVENT, { ...headers, "webhook-signature": "" }],
    [EVENT, { ...headers, "webhook-signature": headers["webhook-signature"]!.replace("v1,", "v2,") }],
    [EVENT, {}],
  ];
  for (const [body, given] of wrong) assert.throws(() => webhook.verify(body, given), NotVerified);
  for (const secret of ["", "whsec_", "whsec_c2hvcnQ=", "not base64"]) {
    assert.throws(() => new Webhook(secret), TypeError);
  }
});

test("webhook that the server signs is verified", { skip: !process.env.SIGNED }, () => {
  const { secret, body, headers } = JSON.parse(process.env.SIGNED ?? "");
  assert.equal(new Webhook(secret).verify(body, headers).kind, "webhook.ping");
});

// --- Tokens

test("token is signed, reused, and renewed once in a call", async () => {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const tokens = new SignedTokens(pem, "shop-1", { scope: "wallets:read" });
  const token = tokens.current();
  assert.equal(tokens.current(), token);
  const [header = "", claims = "", signature = ""] = token.split(".");
  const signed = Buffer.from(`${header}.${claims}`);
  assert(verify("RSA-SHA256", signed, publicKey, Buffer.from(signature, "base64url")));
  const read = (part: string) => JSON.parse(Buffer.from(part, "base64url").toString());
  assert.deepEqual(read(header), { alg: "RS256", kid: "shop-1" });
  assert.equal(read(claims).scope, "wallets:read");
  assert(read(claims).exp - Date.now() / 1000 <= 300);
  for (let n = 0; n < 3; n++) answers.push(problem(401, "invalid_credentials"));
  await assert.rejects(new Client(url, tokens).getMe(), (error) =>
    error instanceof errors.InvalidCredentials && error.tries === 2);
});
