// Changes made while a wire is cut: each prints what the caller sees of it.
import { Client, errors, newKey, type IoCashError } from "iocash-client";

const { URL_OF_WIRE = "", API_KEY = "", ALICE = "", ALICE_USER = "", STALE, WHAT } = process.env;
const retries = { deadline: 20_000, timeout: 500, firstDelay: 20 };
const client = new Client(URL_OF_WIRE, API_KEY, { retries });

async function alias(): Promise<string> {
  // The wallet as it was before: the wire harms the first request that it sees.
  const ifMatch = STALE ?? "*";
  const sent = newKey();
  const changed = await client.updateWallet(ALICE, { alias: sent }, { ifMatch });
  return changed.alias === sent ? "changed" : "another alias";
}

async function otp(): Promise<string> {
  await client.requestOtp(ALICE_USER);
  return "sent";
}

try {
  console.log(await (WHAT === "otp" ? otp() : alias()));
} catch (error) {
  const { name, tries, isOutcomeUnknown, key } = error as IoCashError;
  const isOurs = error instanceof errors.IoCashError;
  console.log(JSON.stringify({ name, tries, isOutcomeUnknown, isOurs, hasKey: key !== undefined }));
}
