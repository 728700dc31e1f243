interface Upload {
  readonly tenant: string;
  bytes: number;
  /** What others bring that was not stored yet when this one began. */
  beside: number;
}

/**
 * The contents that come in right now, in this process. What a tenant has stored is read when one of them begins, so that
 * what others bring at the same time would count for none of them.
 */
export class Uploads {
  private readonly open = new Map<string, Upload>();

  /** Before what is stored is read: what is kept in between counts twice rather than not at all. */
  begin(id: string, tenant: string): void {
    const beside = this.of(tenant).reduce((sum, { bytes }) => sum + bytes, 0);
    this.open.set(id, { tenant, bytes: 0, beside });
  }

  /** @returns how much there is of it now, with what comes beside it */
  add(id: string, bytes: number): number {
    const upload = this.open.get(id);
    if (upload === undefined) return bytes;
    upload.bytes += bytes;
    for (const other of this.of(upload.tenant)) if (other !== upload) other.beside += bytes;
    return upload.bytes + upload.beside;
  }

  /** It is stored for all that begin from now on. */
  kept(id: string): void {
    this.open.delete(id);
  }

  dropped(id: string): void {
    const upload = this.open.get(id);
    if (upload === undefined) return;
    this.open.delete(id);
    for (const other of this.of(upload.tenant)) other.beside -= upload.bytes;
  }

  private of(tenant: string): Upload[] {
    return [...this.open.values()].filter((upload) => upload.tenant === tenant);
  }
}
