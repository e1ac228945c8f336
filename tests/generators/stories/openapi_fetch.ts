// Alice is paid, pays and promises, with the types that openapi-typescript makes.
import { strict as assert } from "node:assert";
import { createInterface } from "node:readline/promises";

import createClient from "openapi-fetch";

import type { components, paths } from "./schema";

type Schemas = components["schemas"];

const client = createClient<paths>({
  baseUrl: process.env.IOCASH_URL,
  headers: { Authorization: `Bearer ${process.env.IOCASH_KEY}` },
});

const DAY = 24 * 60 * 60 * 1000;

async function main(): Promise<void> {
  const alice = await createUser({
    kind: "NATURAL",
    userName: "alice",
    firstName: "Alice",
    lastName: "Example",
    mobilePhone: "+34600000031",
  });
  const company = await createUser({
    kind: "JURIDICAL",
    userName: "example-ltd",
    companyName: "Example Ltd",
    mobilePhone: "+34600000032",
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

function made<T>(answer: { data?: T; error?: Schemas["Error"] }): T {
  if (answer.data === undefined) throw new Error(answer.error?.detail);
  return answer.data;
}

async function createUser(body: Schemas["UserBody"]): Promise<string> {
  const user = made(await client.POST("/api/v1/users", { body }));
  assert.deepEqual([user.kind, user.status], [body.kind, "CREATED"]);
  const console = createInterface({ input: process.stdin, output: process.stdout });
  const otp = await console.question(`Code of ${user.id}: `);
  console.close();
  const path = { userId: user.id };
  const verified = made(
    await client.POST("/api/v1/users/{userId}/validate-otp", { params: { path }, body: { otp } }),
  );
  assert.equal(verified.status, "ACTIVATED");
  return verified.id;
}

async function walletOf(userId: string): Promise<string> {
  const page = made(await client.GET("/api/v1/wallets", { params: { query: { userId: [userId] } } }));
  assert.equal(page._embedded.wallets.length, 1);
  return page._embedded.wallets[0].id;
}

async function openWallet(userId: string): Promise<void> {
  const body = { userId, currency: "USD", alias: "Travel" };
  const wallet = made(await client.POST("/api/v1/wallets", { body }));
  assert.deepEqual([wallet.alias, wallet.balance, wallet.iban], ["Travel", "0.00", null]);
}

async function move(walletId: string, body: Schemas["MovementBody"], key?: string) {
  const params = { path: { walletId }, header: { "Idempotency-Key": key } };
  return client.POST("/api/v1/wallets/{walletId}/movements", { params, body });
}

async function moveMoney(alices: string, companys: string): Promise<void> {
  const cashIn: Schemas["CashInBody"] = { type: "CASH_IN", amount: "100.00", metadata: { order: "17" } };
  const first = made(await move(alices, cashIn, "alice-1"));
  const again = made(await move(alices, cashIn, "alice-1"));
  assert.deepEqual([first.id, first.balanceAfter], [again.id, "100.00"]);

  const paid = made(
    await move(alices, { type: "TRANSFER", targetWalletId: companys, amount: "12.50" }),
  );
  assert.deepEqual([paid.status, paid.counterpartyWalletId], ["SUCCESS", companys]);

  const iban = "ES9121000418450200051332";
  const sent = made(await move(alices, { type: "CASH_OUT", amount: "5.00", iban }));
  assert.deepEqual([sent.status, sent.settledAt], ["PENDING", null]);

  const amounts = ["1.00", "2.00"];
  const batch = made(
    await client.POST("/api/v1/wallets/{walletId}/movements/batch", {
      params: { path: { walletId: alices } },
      body: {
        movements: amounts.map((amount): Schemas["TransferBody"] => ({
          type: "TRANSFER",
          targetWalletId: companys,
          amount,
        })),
      },
    }),
  );
  assert.deepEqual(batch._embedded.movements.map((each) => each.amount), amounts);
}

async function holdAndExecute(alices: string, companys: string): Promise<void> {
  const expiration = new Date(Date.now() + 7 * DAY).toISOString();
  const hold = made(
    await client.POST("/api/v1/wallets/{walletId}/holds", {
      params: { path: { walletId: alices } },
      body: { targetWalletId: companys, amount: "30.00", expiration },
    }),
  );
  const path = { walletId: alices, holdId: hold.id };
  const paid = made(
    await client.POST("/api/v1/wallets/{walletId}/holds/{holdId}/executions", {
      params: { path },
      body: { amount: "10.00", keepOpen: true },
    }),
  );
  assert.equal(paid.holdId, hold.id);
  const released = made(
    await client.PATCH("/api/v1/wallets/{walletId}/holds/{holdId}", {
      params: { path },
      body: { status: "RELEASED" },
    }),
  );
  assert.deepEqual([released.status, released.remainingAmount], ["RELEASED", "0.00"]);
}

async function findByMetadata(walletId: string): Promise<void> {
  const page: Schemas["MovementAnswerPage"] = made(
    await client.GET("/api/v1/wallets/{walletId}/movements", {
      params: { path: { walletId }, query: { metadata: { order: "17" } } },
    }),
  );
  assert.deepEqual(page._embedded.movements.map((each) => each.amount), ["100.00"]);
}

async function pagesOfMovements(walletId: string): Promise<number[]> {
  const sizes: number[] = [];
  let cursor: string | undefined;
  do {
    const page: Schemas["MovementAnswerPage"] = made(
      await client.GET("/api/v1/wallets/{walletId}/movements", {
        params: { path: { walletId }, query: { size: 2, cursor } },
      }),
    );
    sizes.push(page._embedded.movements.length);
    const next = page._links.next;
    cursor = next && (new URL(next.href).searchParams.get("cursor") ?? undefined);
  } while (cursor);
  return sizes;
}

async function readStatement(walletId: string): Promise<void> {
  const startDate = new Date(Date.now() - DAY).toISOString();
  const endDate = new Date().toISOString();
  const statement = made(
    await client.GET("/api/v1/wallets/{walletId}/statement", {
      params: { path: { walletId }, query: { startDate, endDate } },
    }),
  );
  const { openingBalance, closingBalance, movementCount } = statement;
  assert.deepEqual([openingBalance, closingBalance, movementCount], ["0.00", "74.50", 5]);
}

async function readRefusal(alices: string, companys: string): Promise<void> {
  const { error } = await move(alices, {
    type: "TRANSFER",
    targetWalletId: companys,
    amount: "500.00",
  });
  assert(error);
  assert.deepEqual([error.status, error.code], [409, "insufficient_funds"]);
  assert.equal(error.conflict?.walletId, alices);
  assert.deepEqual([error.conflict.available, error.conflict.required], ["69.50", "500.00"]);
}

main();
