/** The clock of a sandbox: a server for tests, where a year passes in seconds. */
import type { Client } from "./client.js";

/** How far to advance the clock: whole numbers, at most a year in all. */
export interface Step {
  years?: number;
  /** Months of the calendar. */
  months?: number;
  weeks?: number;
  days?: number;
  hours?: number;
  minutes?: number;
  seconds?: number;
}

/** Milliseconds that a request may last that advances the clock: the server works for 20,000. */
const LONGEST = 45_000;

/**
 * The clock. It belongs to the whole server, so time passes for all of its clients. Elsewhere than
 * in a sandbox every method throws `errors.NotFound`.
 */
export class Sandbox {
  /** @internal */
  constructor(private readonly client: Client) {}

  /** Read the time of the clock. */
  async now(): Promise<string> {
    return (await this.client.getSandboxClock()).now;
  }

  /**
   * Advance the clock; return its new time. Everything that was due until then is done. If the
   * answer is lost (`isOutcomeUnknown`), read the clock before you advance it again.
   */
  async advance(by: Step): Promise<string> {
    const { deadline, timeout } = this.client.retries;
    const patient = this.client.withRetries({
      deadline: Math.max(deadline, LONGEST), timeout: Math.max(timeout, LONGEST),
    });
    for (let advance: string | null = durationOf(by); ;) {
      const clock = await patient.advanceSandboxClock({ advance });
      if (clock.remaining === null) return clock.now;
      advance = clock.remaining;
    }
  }
}

/** A duration of ISO 8601. */
function durationOf({ years, months, weeks, days, hours, minutes, seconds }: Step): string {
  const parts = [[years, "Y"], [months, "M"], [weeks, "W"], [days, "D"]] as const;
  const times = [[hours, "H"], [minutes, "M"], [seconds, "S"]] as const;
  const [date, time] = [parts, times].map((each) => each.filter(([value]) => value)
    .map(([value, name]) => `${value}${name}`).join("")) as [string, string];
  const text = time ? `P${date}T${time}` : `P${date}`;
  if (!/^P(?=.)(\d+[YMWD])*(T(\d+[HMS])+)?$/.test(text)) {
    throw new TypeError("advance the clock by whole numbers, and by more than nothing");
  }
  return text;
}
