/** Lists of any length, page by page: only one page is in memory. */
import type { Answer, Filters, Meta } from "./calls.js";
import { UnexpectedAnswer } from "./problems.js";

/** One page of a list. */
export interface Page<T> {
  items: T[];
  meta: Meta;
  /** The `cursor` of the next page. Undefined: this is the last one. */
  nextCursor: string | undefined;
  /** Of events from old to new: the `cursor` for what happens later. Store it to go on. */
  resumeCursor: string | undefined;
}

type Links = Record<string, { href: string } | undefined>;
type Data = { _links: Links; _embedded: Record<string, unknown[] | undefined> };

/** A list of the server: `for await (const item of pages)`. Each iteration reads it again. */
export class Pages<T> implements AsyncIterable<T> {
  constructor(private readonly read: (filters: Filters) => Promise<Answer<Data>>,
    private readonly filters: Filters, private readonly name: string) {}

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for await (const page of this.pages()) yield* page.items;
  }

  /** The pages; each is requested when it is needed. */
  async *pages(): AsyncGenerator<Page<T>, void, undefined> {
    let cursor: string | undefined;
    do {
      const page: Page<T> = await this.page(cursor);
      yield page;
      cursor = page.nextCursor;
    } while (cursor !== undefined);
  }

  /** Request one page: the first one, or that of a cursor. Pages have 100 items unless you say `size`. */
  async page(cursor?: string): Promise<Page<T>> {
    const data = await this.read({ size: 100, ...this.filters, ...(cursor && { cursor }) });
    const items = data._embedded?.[this.name] as T[] | undefined;
    if (!items) throw new UnexpectedAnswer(`not a page of ${this.name}`, data.meta.status, "");
    const [nextCursor, resumeCursor] = [cursorIn(data._links, "next"), cursorIn(data._links, "resume")];
    return { items, meta: data.meta, nextCursor, resumeCursor };
  }

  /** The first item; undefined: the list is empty. */
  async first(): Promise<T | undefined> {
    for await (const item of this) return item;
    return undefined;
  }
}

/** The cursor in a link. Only the cursor is used: requests never leave the client's own URL. */
function cursorIn(links: Links, relation: string): string | undefined {
  const link = links[relation];
  return link && (new URL(link.href, "http://localhost").searchParams.get("cursor") ?? undefined);
}
