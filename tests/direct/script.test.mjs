import assert from "node:assert/strict";
import { test } from "node:test";

import {
  choosePause, fill, findPart, formatSize, formatTime,
} from "../../django_minio_backend/direct/static/direct_uploads/direct-upload.js";

test("parts cover a file", () => {
  assert.deepEqual(findPart(1, 8, 20), [0, 8]);
  assert.deepEqual(findPart(3, 8, 20), [16, 20]);
});

test("pauses grow and end", () => {
  assert.equal(choosePause(1, () => 0), 500);
  assert.equal(choosePause(1, () => 1), 1000);
  assert.ok(choosePause(5, () => 0) > choosePause(4, () => 1) / 2);
  assert.equal(choosePause(50, () => 1), 30000);
});

test("sizes and times are readable in each language", () => {
  assert.equal(formatSize(999, "en"), "999 bytes");
  assert.equal(formatSize(12_340_000, "en"), "12.3 MB");
  assert.equal(formatSize(12_340_000, "de"), "12,3 MB");
  assert.equal(formatSize(5e12, "en"), "5 TB");
  assert.equal(formatTime(0.2, "en"), "1 sec");
  assert.equal(formatTime(600, "en"), "10 min");
  assert.equal(formatTime(7200, "en"), "2 hr");
});

test("texts keep what has no value", () => {
  assert.equal(fill("{percent} % of {name}", { percent: 5 }), "5 % of {name}");
});
