package collect

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sluice-ci/sluice/internal/results/frame"
)

// TestAnyTroubleEndsWholeOrFailed: whatever sequence of failures a log has, the collection ends in time, with exactly
// what the container said or with an error, and never with both or with less.
func TestAnyTroubleEndsWholeOrFailed(t *testing.T) {
	good := whole(t)
	flipped := func(i int) []byte {
		b := append([]byte(nil), good...)
		b[i] ^= 1
		return b
	}
	want := func() *Set {
		set, err := ReadFinished(bytes.NewReader(good), want())
		if err != nil {
			t.Fatal(err)
		}
		return set
	}()
	rapid.Check(t, func(r *rapid.T) {
		at := rapid.IntRange(0, len(good)-1)
		one := rapid.Custom(func(r *rapid.T) reply {
			i := at.Draw(r, "at")
			switch rapid.IntRange(0, 7).Draw(r, "kind") {
			case 0:
				return gives(good[:i])
			case 1:
				return gives(flipped(i))
			case 2:
				return fails(forbidden())
			case 3:
				return fails(errAway)
			case 4:
				return breaks(good[:i], io.ErrUnexpectedEOF)
			case 5:
				return hangs(good[:i])
			case 6:
				return refuses()
			default:
				return gives(good)
			}
		})
		replies := rapid.SliceOfN(one, 1, 30).Draw(r, "replies")
		runs := rapid.SampledFrom([]time.Duration{0, time.Second, time.Hour}).Draw(r, "runs")
		got := collected(t, runs, Options{}, replies...)
		switch after := got.took - runs; {
		case got.Set != nil && (got.Err != nil || got.GaveUp), got.Set == nil && (got.Err == nil || !got.GaveUp):
			r.Fatalf("neither whole nor failed: %+v", got.Progress)
		case got.Set != nil && !cmp.Equal(want, got.Set):
			r.Fatalf("less than was said: %s", cmp.Diff(want, got.Set))
		case after > time.Minute+lastWord:
			r.Fatalf("it took %s after the container had ended", after)
		case got.Err != nil && errors.Is(got.Err, frame.ErrIncomplete) && got.Err.Error() == "":
			r.Fatal("a failure has to say what it is")
		}
	})
}
