// Pays one cent so many times, by several callers, between the wallets of Alice and Bob.
// With FORGETFUL=1 each try has a key of its own: the control.
import { Client, type Fetch } from "iocash-client";

const { URL_OF_WIRE = "", API_KEY = "", ALICE = "", BOB = "", FORGETFUL } = process.env;
const { PREFIX = "", COUNT = "1", KEY, CALLERS = "8" } = process.env;
const { DEADLINE = "120000", TIMEOUT = "1000" } = process.env;
const forgetful: Fetch = (url, init) =>
  fetch(url, { ...init, headers: { ...init.headers, "Idempotency-Key": crypto.randomUUID() } });
const client = new Client(URL_OF_WIRE, API_KEY, {
  retries: {
    deadline: Number(DEADLINE), timeout: Number(TIMEOUT), firstDelay: 20, longestDelay: 1_000,
  },
  ...(FORGETFUL && { fetch: forgetful }),
});
const raised: unknown[] = [];
const replayed: boolean[] = [];
let next = 0;

async function pay(number: number): Promise<void> {
  const [source, target] = number % 2 ? [ALICE, BOB] : [BOB, ALICE];
  const reference = COUNT === "1" ? PREFIX : `${PREFIX}${number}`;
  const body = { type: "TRANSFER", targetWalletId: target, amount: "0.01", reference } as const;
  try {
    const paid = await client.createMovement(source, body, KEY === undefined ? {} : { key: KEY });
    replayed.push(paid.meta.isReplayed);
  } catch (error) {
    const { name, message, key, tries, isOutcomeUnknown } = error as Record<string, unknown>;
    raised.push({ name, message, key, tries, isOutcomeUnknown });
  }
}

async function caller(): Promise<void> {
  while (next < Number(COUNT)) await pay(next++);
}

await Promise.all(Array.from({ length: Number(CALLERS) }, caller));
console.log(JSON.stringify({ raised, replayed }));
