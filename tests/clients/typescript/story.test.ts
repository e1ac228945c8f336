// A story with a running server: payments, holds, refusals, changes, lists, waiting.
import assert from "node:assert/strict";
import { test } from "node:test";

import { ApiError, Client, StillPending, errors, newKey, type models } from "iocash-client";

const { IOCASH_URL = "", IOCASH_KEY = "", ALICE = "", BOB = "", BOB_USER = "" } = process.env;
const client = new Client(IOCASH_URL, IOCASH_KEY);

function transfer(amount: string): models.TransferBody {
  return { type: "TRANSFER", targetWalletId: BOB, amount };
}

function raised<E>(kind: abstract new (...args: never[]) => E, call: Promise<unknown>): Promise<E> {
  return call.then(() => assert.fail("nothing was thrown"), (error) => {
    assert(error instanceof kind, String(error));
    return error;
  });
}

test("payment, dry run, batch, operation and reversal move money", async () => {
  await client.createMovement(ALICE, { type: "CASH_IN", amount: "20.00" });
  const before = await client.getWallet(ALICE);
  const predicted = await client.createMovementDryRun(ALICE, transfer("1.00"));
  assert.equal((await client.getWallet(ALICE)).balance, before.balance);
  const paid = await client.createMovement(ALICE, transfer("1.00"));
  assert.deepEqual([paid.meta.status, paid.balanceAfter], [201, predicted.balanceAfter]);
  assert.equal(JSON.stringify(paid).includes("isReplayed"), false);
  const batch = await client.createBatch(ALICE, { movements: [transfer("0.10"), transfer("0.20")] });
  assert.deepEqual(batch._embedded.movements.map((each) => each.amount), ["0.10", "0.20"]);
  const back = { sourceWalletId: BOB, targetWalletId: ALICE, amount: "0.30" };
  const made = await client.createOperation({ transfers: [back] });
  assert.equal(made._embedded.movements.length, 2);
  const reversed = await client.reverseMovement(ALICE, paid.id, {});
  assert.equal(reversed.reversalOf, paid.id);
  assert.equal((await client.getWallet(ALICE)).balance, before.balance);
});

test("hold is executed, renewed and released", async () => {
  const expiration = new Date(Date.now() + 86_400_000).toISOString();
  const hold = await client.createHold(ALICE, { targetWalletId: BOB, amount: "3.00", expiration });
  const half = await client.executeHold(ALICE, hold.id, { amount: "1.00", keepOpen: true });
  assert.equal(half.holdId, hold.id);
  assert.equal((await client.updateHold(ALICE, hold.id, { expiration: null })).expiration, null);
  const ended = await client.updateHold(ALICE, hold.id, { status: "RELEASED" });
  const { status, executedAmount, releasedAmount } = ended;
  assert.deepEqual([status, executedAmount, releasedAmount], ["RELEASED", "1.00", "2.00"]);
});

test("refusal has a class, its facts and the key", async () => {
  const key = newKey();
  const call = client.createMovement(ALICE, transfer("99999"), { key });
  const poor = await raised(errors.InsufficientFunds, call);
  assert.deepEqual([poor.conflict.required, poor.conflict.currency], ["99999.00", "EUR"]);
  assert.deepEqual([poor.key, poor.tries, poor.isOutcomeUnknown], [key, 1, false]);
  assert(poor instanceof errors.Conflict && poor instanceof ApiError);
  assert.equal(poor.name, "InsufficientFunds");
  const paid = await client.createMovement(ALICE, transfer("0.01"), { key });
  const other = client.createMovement(ALICE, transfer("0.02"), { key });
  assert.equal((await raised(errors.IdempotencyKeyReused, other)).conflict.id, paid.id);
  const malformed = await raised(errors.InvalidFields, client.createMovement(ALICE, transfer("-1")));
  assert.deepEqual(malformed.errors.map((each) => each.field), ["amount"]);
  await raised(errors.NotFound, client.getWallet(newKey()));
  await raised(errors.Unauthorized, new Client(IOCASH_URL, "wrong").getMe());
  const spanish = new Client(IOCASH_URL, IOCASH_KEY, { language: "es" });
  const said = await raised(errors.InsufficientFunds, spanish.createMovement(ALICE, transfer("99999")));
  assert.match(said.detail, /Saldo insuficiente/);
});

test("change of another is a conflict", async () => {
  const wallet = await client.getWallet(ALICE);
  const mine = await client.updateWallet(ALICE, { alias: newKey() }, { ifMatch: wallet });
  await raised(errors.VersionConflict, client.updateWallet(ALICE, { alias: "x" }, { ifMatch: wallet }));
  await client.updateWallet(ALICE, { alias: newKey() }, { ifMatch: mine });
  const copy = client.updateWallet(ALICE, { alias: "x" }, { ifMatch: { ...mine } as typeof mine });
  await raised(TypeError, copy);
  const known = await raised(errors.AlreadyExists,
    client.putWallet(ALICE, { userId: BOB_USER }, { isNew: true }));
  assert.equal(known.isOutcomeUnknown, false);
});

test("pages have every item once", async () => {
  for (let n = 0; n < 5; n++) await client.createMovement(ALICE, transfer("0.01"));
  const short = client.listMovements(ALICE, { size: 2, type: ["TRANSFER"] });
  const ids: string[] = [];
  for await (const movement of short) ids.push(movement.id);
  const all: string[] = [];
  for await (const movement of client.listMovements(ALICE, { type: ["TRANSFER"] })) all.push(movement.id);
  assert.deepEqual(ids, all);
  assert(new Set(ids).size >= 5);
  const second = await short.page((await short.page()).nextCursor);
  assert.deepEqual(second.items.map((each) => each.id), ids.slice(2, 4));
  assert.equal((await short.first())?.id, ids[0]);
  let count = 0;
  for await (const _ of client.getStatementPages(ALICE, { size: 3 })) count++;
  assert(count >= ids.length);
  const events = await client.listEvents({ sort: "createdAt,asc", size: 5 }).page();
  assert.notEqual(events.resumeCursor, undefined);
});

test("write token is sent with reads", async () => {
  const caller = new Client(IOCASH_URL, IOCASH_KEY);
  assert.equal(caller.writeToken, undefined);
  caller.withRetries({ deadline: 1 }).writeToken = "malformed";
  assert.equal(caller.writeToken, "malformed");
  await raised(errors.InvalidHeader, caller.listWallets().first());
});

test("client waits for the end of a cash-out", async () => {
  const iban = "ES9121000418450200051332";
  const taken = await client.createMovement(ALICE,
    { type: "CASH_OUT", amount: "1.00", iban, holderName: "Alice Example" });
  assert.deepEqual([taken.meta.status, taken.status], [202, "PENDING"]);
  const late = await raised(StillPending, client.waitForMovement(taken, 100));
  assert.equal((late.answer as models.Movement).id, taken.id);
  setTimeout(() => client.updateMovement(ALICE, taken.id, { status: "CANCELLED" }), 300);
  assert.equal((await client.waitForMovement(taken, 20_000)).status, "CANCELLED");
});
