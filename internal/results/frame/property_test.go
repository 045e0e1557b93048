package frame_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/sluice-ci/sluice/internal/results/frame"
)

// anyStream draws a stream of a nonce, and the records that it has.
func anyStream(t *rapid.T, nonce string) (stream []byte, records []frame.Record) {
	var b bytes.Buffer
	w := frame.NewWriter(&b, nonce)
	for i := range rapid.IntRange(0, 3).Draw(t, "steps") {
		err := w.Step(frame.Step{Name: fmt.Sprint("step-", i), ExitCode: i, Reason: frame.ReasonError})
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "results") {
		var err error
		if rapid.IntRange(0, 5).Draw(t, "problem") == 0 {
			err = w.Problem(frame.Problem{Result: fmt.Sprint("r", i), Kind: frame.NotRegular, Detail: "a directory"})
		} else {
			err = w.Result(frame.Result{Name: fmt.Sprint("r", i), Type: "string", Value: anyValue(t)})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.End(rapid.Bool().Draw(t, "interrupted")); err != nil {
		t.Fatal(err)
	}
	records, err := collect(b.Bytes(), nonce, frame.Limits{})
	if err != nil {
		t.Fatalf("cannot read what was written: %v", err)
	}
	return b.Bytes(), records
}

// anyValue draws a value: often around the length of a frame, compressible or not.
func anyValue(t *rapid.T) []byte {
	size := rapid.OneOf(
		rapid.IntRange(0, 100), rapid.IntRange(frame.FrameBytes-2, frame.FrameBytes+2), rapid.IntRange(0, 30000),
	).Draw(t, "size")
	content := rapid.SampledFrom([]func(int) []byte{
		noise, inventory, func(n int) []byte { return make([]byte, n) },
	}).Draw(t, "content")
	return content(size)
}

// damage does one thing to a log. It returns the records of the other stream under the same nonce if it put one in.
func damage(t *rapid.T, log []byte) (damaged []byte, replayed []frame.Record) {
	lines := bytes.SplitAfter(log, []byte("\n"))
	line := func(label string) int { return rapid.IntRange(0, len(lines)-1).Draw(t, label) }
	switch rapid.SampledFrom([]string{
		"cut", "lose", "repeat", "move", "swap", "flip", "insert", "splice", "replay", "join",
	}).Draw(t, "damage") {
	case "cut":
		return log[:rapid.IntRange(0, len(log)).Draw(t, "at")], nil
	case "lose":
		i := line("line")
		lines = slices.Delete(lines, i, i+1)
	case "repeat":
		i := line("line")
		lines = slices.Insert(lines, line("to"), lines[i])
	case "move":
		i := line("line")
		moved := lines[i]
		lines = slices.Delete(lines, i, i+1)
		lines = slices.Insert(lines, rapid.IntRange(0, len(lines)).Draw(t, "to"), moved)
	case "swap":
		i, j := line("line"), line("other")
		lines[i], lines[j] = lines[j], lines[i]
	case "flip":
		log = bytes.Clone(log)
		if len(log) > 0 {
			log[rapid.IntRange(0, len(log)-1).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		}
		return log, nil
	case "insert":
		foreign := rapid.SampledFrom([]string{"\n", "E1122 klog line\n", "~sluice/1 other 1 end {} 00000000\n"}).Draw(t, "text")
		lines = slices.Insert(lines, line("to"), []byte(foreign))
	case "splice":
		other, _ := anyStream(t, "other")
		lines = slices.Insert(lines, line("to"), bytes.SplitAfter(other, []byte("\n"))...)
	case "replay":
		// Another stream under the same nonce, as of a container that was started again.
		var other []byte
		other, replayed = anyStream(t, "n0nce")
		at := line("to")
		lines = append(lines[:at:at], bytes.SplitAfter(other, []byte("\n"))...)
	case "join":
		i := line("line")
		lines[i] = bytes.TrimSuffix(lines[i], []byte("\n"))
	}
	return bytes.Join(lines, nil), replayed
}

// Whatever happens to a stream on its way, it is read as it was written or it is refused; and what was read before
// the refusal is what was written, too.
func TestDamage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log, records := anyStream(t, "n0nce")
		// What was written under the nonce. A second stream of the same pod, whole, is as good as the first.
		wants := [][]frame.Record{records}
		for range rapid.IntRange(1, 3).Draw(t, "times") {
			var replayed []frame.Record
			if log, replayed = damage(t, log); replayed != nil {
				wants = append(wants, replayed)
			}
		}
		got, err := collect(log, "n0nce", frame.Limits{})
		if err == nil {
			if !slices.ContainsFunc(wants, func(want []frame.Record) bool { return cmp.Equal(want, got) }) {
				t.Fatalf("a damaged stream was read as another: -want +got:\n%s", cmp.Diff(wants[0], got))
			}
			return
		}
		if n := len(got); len(wants) == 1 && (n > len(wants[0]) || !cmp.Equal(wants[0][:n:n], got, cmpopts.EquateEmpty())) {
			t.Fatalf("before error %v other records were read: -want +got:\n%s", err, cmp.Diff(wants[0], got))
		}
	})
}
