interface Upload {
  readonly tenant: string;
  bytes: number;
  /** What others bring that counts for it, and was not stored yet when it began. */
  beside: number;
  /** All of it is here. */
  whole: boolean;
}

/**
 * The contents that come in right now, in this process. What a tenant has stored is read when one of them begins, so that
 * what others bring at the same time would count for none of them.
 *
 * For each counts what began before it, and of what began later that which is whole. So the one that began first keeps
 * its room, and two that are too much together never refuse each other; and the last that becomes whole counts all others,
 * so that what is kept is never too much.
 */
export class Uploads {
  /** In the order in which they began. */
  private readonly open = new Map<string, Upload>();

  /** Before what is stored is read: what is kept in between counts twice rather than not at all. */
  begin(id: string, tenant: string): void {
    const beside = this.of(tenant).reduce((sum, { bytes }) => sum + bytes, 0);
    this.open.set(id, { tenant, bytes: 0, beside, whole: false });
  }

  /** @returns how much there is of it now, with what counts beside it */
  add(id: string, bytes: number): number {
    const upload = this.open.get(id);
    if (upload === undefined) return bytes;
    upload.bytes += bytes;
    for (const other of this.later(upload)) other.beside += bytes;
    return upload.bytes + upload.beside;
  }

  /** Nothing more of it comes, and it has room. */
  ended(id: string): void {
    const upload = this.open.get(id);
    if (upload === undefined) return;
    upload.whole = true;
    for (const other of this.earlier(upload)) other.beside += upload.bytes;
  }

  /** It is stored for all that begin from now on. */
  kept(id: string): void {
    this.open.delete(id);
  }

  dropped(id: string): void {
    const upload = this.open.get(id);
    if (upload === undefined) return;
    const counting = upload.whole ? [...this.earlier(upload), ...this.later(upload)] : this.later(upload);
    for (const other of counting) other.beside -= upload.bytes;
    this.open.delete(id);
  }

  private earlier(upload: Upload): Upload[] {
    const all = this.of(upload.tenant);
    return all.slice(0, all.indexOf(upload));
  }

  private later(upload: Upload): Upload[] {
    const all = this.of(upload.tenant);
    return all.slice(all.indexOf(upload) + 1);
  }

  private of(tenant: string): Upload[] {
    return [...this.open.values()].filter((upload) => upload.tenant === tenant);
  }
}
