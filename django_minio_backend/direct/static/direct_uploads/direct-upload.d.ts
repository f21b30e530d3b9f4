/** The part `number` (from 1) of a file: its bytes [start, end). */
export function findPart(number: number, partSize: number, size: number): [number, number];
/** The milliseconds before try `count` (from 1). */
export function choosePause(count: number, random?: () => number): number;
export function formatSize(bytes: number, language?: string): string;
export function formatTime(seconds: number, language?: string): string;
export function fill(text: string, values: Record<string, unknown>): string;

/** Wraps a file input. Its events bubble. */
export class DirectUploadElement extends HTMLElement {
  readonly isBusy: boolean;
}

declare global {
  interface HTMLElementTagNameMap {
    "direct-upload": DirectUploadElement;
  }
  interface HTMLElementEventMap {
    "direct-upload:start": CustomEvent<{ file: File }>;
    "direct-upload:progress": CustomEvent<{ file: File; sent: number; size: number }>;
    "direct-upload:done": CustomEvent<{ file: File; receipt: string }>;
    "direct-upload:error": CustomEvent<{ file: File; message: string }>;
  }
}
