/** Webhooks: verify the signature (Standard Webhooks) of a request, and read its event. */
import { createHmac, timingSafeEqual } from "node:crypto";

import type { components } from "./generated/schema.js";

/** Seconds by which the time of a request may differ from this machine's clock. */
const TOLERANCE = 300;

/** The request is not from the server, or it is old, or it was changed. Answer 401. */
export class NotVerified extends Error {}

type Given = Record<string, string | string[] | undefined> | { get(name: string): string | null };

/** Verifies requests with the secret of an endpoint; during a rotation, with both. */
export class Webhook {
  readonly #keys: Uint8Array[];

  constructor(...secrets: string[]) {
    this.#keys = secrets.map(keyOf);
    if (!secrets.length) throw new TypeError("a webhook needs its secret");
  }

  /**
   * The event of a request. `body` is what arrived, before it is parsed.
   * An event can arrive more than once: skip it if you have stored its `id`.
   * @throws NotVerified nobody signed it with the secret in the last five minutes.
   */
  verify(body: string | Uint8Array, headers: Given): components["schemas"]["EventAnswer"] {
    const [id, time] = [header(headers, "webhook-id"), header(headers, "webhook-timestamp")];
    if (!/^\d{1,12}$/.test(time)) throw new NotVerified("the time is missing or malformed");
    if (Math.abs(Date.now() / 1000 - Number(time)) > TOLERANCE) {
      throw new NotVerified("the time differs from the clock by more than five minutes");
    }
    const signed = this.#keys.map((key) =>
      createHmac("sha256", key).update(`${id}.${time}.`).update(body).digest());
    const given = header(headers, "webhook-signature").split(" ")
      .filter((each) => each.startsWith("v1,")).map((each) => Buffer.from(each.slice(3), "base64"));
    if (!signed.some((right) => given.some((each) =>
      each.length === right.length && timingSafeEqual(each, right)))) {
      throw new NotVerified("no signature is right");
    }
    return JSON.parse(typeof body === "string" ? body : Buffer.from(body).toString());
  }
}

function header(headers: Given, name: string): string {
  if (typeof headers.get === "function") return headers.get(name) ?? "";
  const found = Object.entries(headers).find(([each]) => each.toLowerCase() === name)?.[1];
  return String(found ?? "");
}

function keyOf(secret: string): Uint8Array {
  const text = secret.replace(/^whsec_/, "");
  const key = Buffer.from(text, "base64");
  if (key.length < 24 || key.toString("base64") !== text) {
    throw new TypeError("not the secret of a webhook endpoint");
  }
  return key;
}
