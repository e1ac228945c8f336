// Alice is paid, pays and promises, with the client that openapi-generator makes for TypeScript.
import { strict as assert } from "node:assert";
import { createInterface } from "node:readline/promises";

import {
  Configuration,
  HoldsApi,
  ModelErrorFromJSON,
  MovementsApi,
  ResponseError,
  UsersApi,
  WalletsApi,
} from "./client";
import type { MovementBody, UserBody } from "./client";

const configuration = new Configuration({
  basePath: process.env.IOCASH_URL,
  accessToken: process.env.IOCASH_KEY,
});
const users = new UsersApi(configuration);
const wallets = new WalletsApi(configuration);
const movements = new MovementsApi(configuration);
const holds = new HoldsApi(configuration);

const DAY = 24 * 60 * 60 * 1000;

async function main(): Promise<void> {
  const alice = await createUser({
    kind: "NATURAL",
    userName: "alice",
    firstName: "Alice",
    lastName: "Example",
    mobilePhone: "+34600000041",
  });
  const company = await createUser({
    kind: "JURIDICAL",
    userName: "example-ltd",
    companyName: "Example Ltd",
    mobilePhone: "+34600000042",
  });
  const alices = await walletOf(alice);
  const companys = await walletOf(company);
  await openWallet(alice);
  await moveMoney(alices, companys);
  await holdAndExecute(alices, companys);
  assert.deepEqual(await pagesOfMovements(alices), [2, 2, 2]);
  await findByMetadata(alices);
  await readStatement(alices);
  await readRefusal(alices, companys);
}

async function createUser(userBody: UserBody): Promise<string> {
  const user = await users.createUser({ userBody });
  assert.deepEqual([user.kind, user.status], [userBody.kind, "CREATED"]);
  const console = createInterface({ input: process.stdin, output: process.stdout });
  const otp = await console.question(`Code of ${user.id}: `);
  console.close();
  const verified = await users.validateOtp({ userId: user.id, otpBody: { otp } });
  assert.equal(verified.status, "ACTIVATED");
  return verified.id;
}

async function walletOf(userId: string): Promise<string> {
  const page = await wallets.listWallets({ userId: [userId] });
  assert.equal(page.embedded.wallets.length, 1);
  return page.embedded.wallets[0].id;
}

async function openWallet(userId: string): Promise<void> {
  const walletBody = { userId, currency: "USD", alias: "Travel" };
  const wallet = await wallets.createWallet({ walletBody });
  assert.deepEqual([wallet.alias, wallet.balance, wallet.iban], ["Travel", "0.00", null]);
}

async function moveMoney(alices: string, companys: string): Promise<void> {
  const cashIn = {
    walletId: alices,
    movementBody: { type: "CASH_IN", amount: "100.00", metadata: { order: "17" } },
    idempotencyKey: "alice-1",
  } as const;
  const first = await movements.createMovement(cashIn);
  const again = await movements.createMovement(cashIn);
  assert.deepEqual([first.id, first.balanceAfter], [again.id, "100.00"]);

  const paid = await movements.createMovement({
    walletId: alices,
    movementBody: { type: "TRANSFER", targetWalletId: companys, amount: "12.50" },
  });
  assert.deepEqual([paid.status, paid.counterpartyWalletId], ["SUCCESS", companys]);

  const iban = "ES9121000418450200051332";
  const sent = await movements.createMovement({
    walletId: alices,
    movementBody: { type: "CASH_OUT", amount: "5.00", iban },
  });
  assert.deepEqual([sent.status, sent.settledAt], ["PENDING", null]);

  const amounts = ["1.00", "2.00"];
  const items: MovementBody[] = amounts.map((amount) => ({
    type: "TRANSFER",
    targetWalletId: companys,
    amount,
  }));
  const batch = await movements.createBatch({ walletId: alices, batchBody: { movements: items } });
  assert.deepEqual(batch.embedded.movements.map((each) => each.amount), amounts);
}

async function holdAndExecute(alices: string, companys: string): Promise<void> {
  const expiration = new Date(Date.now() + 7 * DAY);
  const hold = await holds.createHold({
    walletId: alices,
    holdBody: { targetWalletId: companys, amount: "30.00", expiration },
  });
  const paid = await movements.executeHold({
    walletId: alices,
    holdId: hold.id,
    executionBody: { amount: "10.00", keepOpen: true },
  });
  assert.equal(paid.holdId, hold.id);
  const released = await holds.updateHold({
    walletId: alices,
    holdId: hold.id,
    holdChange: { status: "RELEASED" },
  });
  assert.deepEqual([released.status, released.remainingAmount], ["RELEASED", "0.00"]);
}

async function findByMetadata(walletId: string): Promise<void> {
  const page = await movements.listMovements({ walletId, metadata: { order: "17" } });
  assert.deepEqual(page.embedded.movements.map((each) => each.amount), ["100.00"]);
}

async function pagesOfMovements(walletId: string): Promise<number[]> {
  const sizes: number[] = [];
  let cursor: string | undefined;
  do {
    const page = await movements.listMovements({ walletId, size: 2, cursor });
    sizes.push(page.embedded.movements.length);
    const next = page.links.next;
    cursor = next && (new URL(next.href).searchParams.get("cursor") ?? undefined);
  } while (cursor);
  return sizes;
}

async function readStatement(walletId: string): Promise<void> {
  const statement = await movements.getStatement({
    walletId,
    startDate: new Date(Date.now() - DAY),
    endDate: new Date(),
  });
  const { openingBalance, closingBalance, movementCount } = statement;
  assert.deepEqual([openingBalance, closingBalance, movementCount], ["0.00", "74.50", 5]);
}

async function readRefusal(alices: string, companys: string): Promise<void> {
  try {
    await movements.createMovement({
      walletId: alices,
      movementBody: { type: "TRANSFER", targetWalletId: companys, amount: "500.00" },
    });
    assert.fail("paid without funds");
  } catch (refused) {
    assert(refused instanceof ResponseError);
    const error = ModelErrorFromJSON(await refused.response.json());
    assert.deepEqual([error.status, error.code], [409, "insufficient_funds"]);
    assert.equal(error.conflict?.walletId, alices);
    assert.deepEqual([error.conflict.available, error.conflict.required], ["69.50", "500.00"]);
  }
}

main();
