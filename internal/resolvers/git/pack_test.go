package git

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/internal/budget"
	"github.com/sluice-ci/sluice/internal/resolvers"
)

// packed is an object of a pack that a test builds. Type is that of the format: 1 a commit, 2 a tree, 3 a blob, 7 a delta.
type packed struct {
	kind byte
	// size is the size that the header says; -1 means the real one.
	size    int64
	content []byte
	// base is the object of a delta.
	base []byte
}

// packOf returns a pack that says it has so many objects.
func packOf(t *testing.T, count uint32, objects ...packed) []byte {
	t.Helper()
	var b bytes.Buffer
	b.WriteString("PACK")
	for _, n := range []uint32{2, count} {
		if err := binary.Write(&b, binary.BigEndian, n); err != nil {
			t.Fatal(err)
		}
	}
	for _, o := range objects {
		size := o.size
		if size < 0 {
			size = int64(len(o.content))
		}
		first := o.kind<<4 | byte(size&0xf)
		for size >>= 4; size > 0; size >>= 7 {
			b.WriteByte(first | 0x80)
			first = byte(size & 0x7f)
		}
		b.WriteByte(first)
		b.Write(o.base)
		to := zlib.NewWriter(&b)
		if _, err := to.Write(o.content); err != nil {
			t.Fatal(err)
		}
		if err := to.Close(); err != nil {
			t.Fatal(err)
		}
	}
	sum := sha1.Sum(b.Bytes())
	return append(b.Bytes(), sum[:]...)
}

// number returns a number as a delta has it.
func number(n uint64) []byte { return binary.AppendUvarint(nil, n) }

// TestHostilePacks: a pack is checked before it is read into memory, whatever its headers say.
func TestHostilePacks(t *testing.T) {
	zeros := make([]byte, maxObject+1)
	base := sha1.Sum([]byte("blob 1\x00a"))
	cases := map[string]struct {
		reason string
		pack   []byte
		// limit is in the message of an *Error; empty: the pack is invalid.
		limit string
	}{
		"Many": {
			reason: "The number of objects is believed only up to the limit.",
			pack:   packOf(t, 1<<31),
			limit:  "more than the limit of 100000",
		},
		"Bomb": {
			reason: "A few bytes that become many.",
			pack:   packOf(t, 1, packed{kind: 3, size: -1, content: zeros}),
			limit:  "limits are 33554432",
		},
		"LyingHeader": {
			reason: "The header says less than there is.",
			pack:   packOf(t, 1, packed{kind: 3, size: 10, content: zeros}),
		},
		"HugeHeader": {
			reason: "The header says more than there can be.",
			pack:   packOf(t, 1, packed{kind: 3, size: 1 << 50, content: []byte("a")}),
			limit:  "limits are 33554432",
		},
		"DeltaBomb": {
			reason: "A small delta with a large result.",
			pack: packOf(t, 2, packed{kind: 3, size: -1, content: []byte("a")},
				packed{kind: 7, size: -1, base: base[:], content: append(number(1), number(1<<40)...)}), limit: "limits are 33554432",
		},
		"Truncated": {
			reason: "Fewer objects than the header says.",
			pack:   packOf(t, 3, packed{kind: 3, size: -1, content: []byte("a")}),
		},
		"Empty": {
			reason: "No pack at all.",
		},
		"Other": {
			reason: "Something else.",
			pack:   []byte("<html>this is not a pack"),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			memory := budget.New(Memory)
			lease := memory.Lease()
			_, err := openPack(tc.pack, false, lease)
			failed, isError := errors.AsType[*resolvers.Error](err)
			switch {
			case err == nil:
				t.Errorf("%s\nwant an error", tc.reason)
			case tc.limit != "" && (!isError || !strings.Contains(failed.Message, tc.limit)):
				t.Errorf("%s\nwant an error with %q, got %v", tc.reason, tc.limit, err)
			case tc.limit == "" && isError:
				t.Errorf("%s\nwant the error of an invalid pack, got %v", tc.reason, err)
			case memory.Held() != 0:
				t.Errorf("%s\nwant no memory for it, got %d bytes", tc.reason, memory.Held())
			}
		})
	}
}

// TestPacksShareMemory: a pack without room is not read, and the fetch can be tried again.
func TestPacksShareMemory(t *testing.T) {
	memory := budget.New(3 * step)
	first, second := memory.Lease(), memory.Lease()
	if _, err := readPack(strings.NewReader("a"), maxPack, first); err != nil {
		t.Fatal(err)
	}
	_, err := readPack(strings.NewReader("a"), maxPack, second)
	failed := (&clone{address: address{host: "git.example.com"}}).explain(t.Context(), err)
	if !errors.Is(err, errNoMemory) || !failed.Retry {
		t.Errorf("want an error that a retry can help, got %v, %v", err, failed)
	}
	first.End()
	if _, err := readPack(strings.NewReader("a"), maxPack, second); err != nil {
		t.Errorf("want room once the first has ended, got %v", err)
	}
}

// FuzzOpenPack: no pack makes the reader panic, or take more memory than its lease.
func FuzzOpenPack(f *testing.F) {
	f.Add([]byte("PACK\x00\x00\x00\x02\x00\x00\x00\x01"))
	f.Add([]byte("PACK\x00\x00\x00\x02\x00\x00\x00\x01\x31x\x9cK\x04\x00\x00b\x00b"))
	f.Fuzz(func(t *testing.T, content []byte) {
		memory := budget.New(Memory)
		lease := memory.Lease()
		defer lease.End()
		if _, err := openPack(content, false, lease); err == nil && memory.Held() == 0 {
			t.Error("want the memory of a pack to be counted")
		}
	})
}
