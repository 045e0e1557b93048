package frame_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"testing"

	"github.com/sluice-ci/sluice/internal/results/frame"
)

// forge builds streams line by line as the specification says, without the package's help, so that the two check
// each other, and so that streams can be built which no Writer would write.
type forge struct {
	nonce string
	seq   int
	out   bytes.Buffer
	// own is the stream without foreign lines, which its digest is over.
	own bytes.Buffer
}

// checksumBytes is the length of what ends each line: a space, eight digits, a newline.
const checksumBytes = 10

// newForge returns a forge whose stream has its intro.
func newForge() *forge {
	f := &forge{nonce: "n0nce"}
	return f.add("intro", "{}")
}

// text returns a line with any version and number, and the checksum that is right for it.
func (f *forge) text(version string, seq any, kind, payload string) string {
	body := fmt.Sprintf("~sluice/%s %s %v %s %s", version, f.nonce, seq, kind, payload)
	return fmt.Sprintf("%s %08x\n", body, crc32.ChecksumIEEE([]byte(body)))
}

// add appends the next record.
func (f *forge) add(kind, payload string) *forge {
	line := f.text("1", f.seq, kind, payload)
	f.out.WriteString(line)
	f.own.WriteString(line)
	f.seq++
	return f
}

// raw appends text as it is, which is not the stream's.
func (f *forge) raw(text string) *forge {
	f.out.WriteString(text)
	return f
}

// result appends a whole result, in frames of the given length at most.
func (f *forge) result(name string, value []byte, frameBytes int) *forge {
	n := (len(value) + frameBytes - 1) / frameBytes
	f.header(name, "string", "raw", len(value), n, sha256.Sum256(value))
	for part := range chunks(value, frameBytes) {
		f.data(part)
	}
	return f
}

func (f *forge) header(name, typ, encoding string, size, frames int, sum [32]byte) *forge {
	return f.add("result", fmt.Sprintf(`{"name":%q,"type":%q,"size":%d,"encoding":%q,"frames":%d,"sha256":"%x"}`,
		name, typ, size, encoding, frames, sum))
}

// artifacts appends a whole document of artifacts in one frame.
func (f *forge) artifacts(name string, value []byte) *forge {
	return f.add("artifacts", fmt.Sprintf(`{"name":%q,"size":%d,"encoding":"raw","frames":1,"sha256":"%x"}`,
		name, len(value), sha256.Sum256(value))).data(value)
}

// endArtifacts appends an end record that also counts documents of artifacts.
func (f *forge) endArtifacts(steps, results, problems, bytes, artifacts int) *forge {
	return f.add("end", fmt.Sprintf(`{"steps":%d,"results":%d,"problems":%d,"bytes":%d,"artifacts":%d,"sha256":"%x"}`,
		steps, results, problems, bytes, artifacts, sha256.Sum256(f.own.Bytes())))
}

func (f *forge) data(part []byte) *forge {
	return f.add("data", base64.RawStdEncoding.EncodeToString(part))
}

// end appends an end record with the right digest.
func (f *forge) end(steps, results, problems, bytes int) *forge {
	sum := sha256.Sum256(f.own.Bytes())
	return f.endWith(steps, results, problems, bytes, hex.EncodeToString(sum[:]))
}

func (f *forge) endWith(steps, results, problems, bytes int, sum string) *forge {
	return f.add("end", fmt.Sprintf(`{"steps":%d,"results":%d,"problems":%d,"bytes":%d,"sha256":%q}`,
		steps, results, problems, bytes, sum))
}

func (f *forge) bytes() []byte { return bytes.Clone(f.out.Bytes()) }

func chunks(b []byte, n int) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(b) > 0 {
			part := b[:min(n, len(b))]
			if !yield(part) {
				return
			}
			b = b[len(part):]
		}
	}
}

// step is the payload of a step that went well.
const step = `{"name":"step-build","exitCode":0,"startedAt":"2026-01-02T03:04:05Z",` +
	`"finishedAt":"2026-01-02T03:04:06.5Z","reason":"Completed"}`

// collect reads a whole log, and returns its records and what ended it: nil after a whole stream.
func collect(log []byte, nonce string, limits frame.Limits) ([]frame.Record, error) {
	r := frame.NewReader(bytes.NewReader(log), nonce, limits)
	var records []frame.Record
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			return records, r.Rest()
		}
		if err != nil {
			return records, err
		}
		records = append(records, rec)
	}
}

// written returns the stream of a Writer that write used.
func written(t interface{ Fatal(...any) }, nonce string, write func(*frame.Writer) error) []byte {
	var b bytes.Buffer
	w := frame.NewWriter(&b, nonce)
	if err := write(w); err != nil {
		t.Fatal("cannot write:", err)
	}
	return b.Bytes()
}

// Whatever the fakes above build by hand is what the Writer writes.
func TestWriterMatchesSpecification(t *testing.T) {
	value := []byte("sha256:cafe")
	want := newForge().result("digest", value, frame.FrameBytes)
	want.add("problem", `{"result":"sbom","kind":"TooLarge","size":5000,"limit":4096,"detail":"too much"}`).end(0, 1, 1, len(value))
	got := written(t, "n0nce", func(w *frame.Writer) error {
		return errors.Join(
			w.Result(frame.Result{Name: "digest", Type: "string", Value: value}),
			w.Problem(frame.Problem{Result: "sbom", Kind: frame.TooLarge, Size: 5000, Limit: 4096, Detail: "too much"}),
			w.End(false),
		)
	})
	if string(want.bytes()) != string(got) {
		t.Errorf("got\n%s\nwant\n%s", got, want.bytes())
	}
}
