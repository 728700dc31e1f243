import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { LogFile, LogFileError } from './log-file.js';

let folder: string;
let instead: string[];
const elsewhere = { write: (line: string) => instead.push(line) };

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'llmq-log-'));
  instead = [];
});
afterEach(() => {
  jest.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

const open = (path: string, more: object = {}) =>
  LogFile.open({ path, maxBytes: 1_000_000, maxFiles: 3, ...more }, elsewhere);
const line = (at: number) => `line ${String(at).padStart(6, '0')}\n`;

describe('a log file', () => {
  it('is made with its folder, has all lines in their order when it is closed, and is gone on with', async () => {
    const path = join(folder, 'deep', 'service.log');
    for (const half of [0, 1]) {
      const file = await open(path);
      for (let at = 0; at < 5_000; at += 1) file.write(line(half * 5_000 + at));
      await file.close();
    }
    expect(readFileSync(path, 'utf8')).toBe(Array.from({ length: 10_000 }, (_, at) => line(at)).join(''));
    expect(statSync(path).mode & 0o007).toBe(0);
    expect(instead).toEqual([]);
  });

  it('makes way at its size, and keeps so many', async () => {
    const path = join(folder, 'service.log');
    const file = await open(path, { maxBytes: 1_200, maxFiles: 2 });
    for (let at = 0; at < 1_000; at += 1) file.write(line(at));
    await file.close();
    expect(readdirSync(folder).sort()).toEqual(['service.log', 'service.log.1', 'service.log.2']);
    const kept = ['service.log.2', 'service.log.1', 'service.log'].map((name) =>
      readFileSync(join(folder, name), 'utf8'),
    );
    const last = kept.join('').length / line(0).length;
    expect(kept.join('')).toBe(Array.from({ length: last }, (_, at) => line(1_000 - last + at)).join(''));
  });

  it('that can not be opened is told by its name', async () => {
    writeFileSync(join(folder, 'file'), '');
    await expect(open(join(folder, 'file', 'service.log'))).rejects.toThrow(LogFileError);
    await expect(open(folder)).rejects.toThrow(/logging\.file/);
  });

  it('gives its lines to another when it fails, says so once, and takes them again when it can', async () => {
    const path = join(folder, 'service.log');
    let nowMs = 1_000;
    jest.spyOn(performance, 'now').mockImplementation(() => nowMs);
    // It can't make way: in the place of the older file is a folder with something in it.
    await mkdir(`${path}.1/full`, { recursive: true });
    const file = await open(path, { maxBytes: 100, maxFiles: 1, retryMs: 50 });
    for (let at = 0; at < 20; at += 1) file.write(line(at));
    for (let tries = 0; instead.length === 0 && tries < 5_000; tries += 1) await sleep(10);
    expect(instead[0]).toMatch(/^warning: The log file .*service\.log .*can't be written/);
    file.write('meanwhile\n');
    expect(instead.slice(1)).toEqual(['meanwhile\n']);
    rmSync(`${path}.1`, { recursive: true });
    nowMs += 50;
    file.write('again\n');
    await file.close();
    expect(readFileSync(path, 'utf8')).toContain('again\n');
    file.write('afterwards\n');
    expect(instead.slice(1)).toEqual(['meanwhile\n', 'afterwards\n']);
  });
});
