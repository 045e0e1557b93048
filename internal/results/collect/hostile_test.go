package collect

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// repeated gives a text again and again, n bytes in all, and counts what was taken.
type repeated struct {
	text  []byte
	left  int64
	taken int64
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := 0
	for n < len(p) && r.left > 0 {
		k := copy(p[n:], r.text[int(r.taken)%len(r.text):])
		k = int(min(int64(k), r.left))
		n, r.taken, r.left = n+k, r.taken+int64(k), r.left-int64(k)
	}
	return n, nil
}

const endless = 10 << 30

// TestHostileLogIsBounded: peers read a line of 64 MiB as a whole (#8901); here a log costs what its limits allow.
func TestHostileLogIsBounded(t *testing.T) {
	const most = frame.DefaultMaxLogBytes + 64<<10
	intro := string(whole(t)[:bytes.IndexByte(whole(t), '\n')+1])
	head := headOf(t)
	cases := map[string]struct {
		reason string
		log    io.Reader
		bytes  int64
		want   error
	}{
		"OneLine": {
			reason: "a line of 10 GiB is passed over as far as a log may go",
			log:    &repeated{text: []byte("x"), left: endless},
			bytes:  most,
			want:   frame.ErrTooLarge,
		},
		"Lines": {
			reason: "so are lines without end",
			log:    &repeated{text: []byte("noise\n"), left: endless},
			bytes:  most,
			want:   frame.ErrTooLarge,
		},
		"EmptyLines": {
			reason: "and empty ones",
			log:    &repeated{text: []byte("\n"), left: endless},
			bytes:  most,
			want:   frame.ErrTooLarge,
		},
		"Marks": {
			reason: "and lines that look like ours",
			log:    &repeated{text: []byte("~sluice/1 other 0 intro {} 00000000\n"), left: endless},
			bytes:  most,
			want:   frame.ErrTooLarge,
		},
		"Foreign": {
			reason: "a few thousand lines of somebody else do no harm",
			log:    io.MultiReader(&repeated{text: []byte("noise\n"), left: 6 << 18}, bytes.NewReader(whole(t))),
			bytes:  2 << 20,
		},
		"AfterEnd": {
			reason: "nor do they after the end",
			log:    io.MultiReader(bytes.NewReader(whole(t)), &repeated{text: []byte("noise\n"), left: 6 << 18}),
			bytes:  2 << 20,
		},
		"EndlessTail": {
			reason: "but not without end",
			log:    io.MultiReader(bytes.NewReader(whole(t)), &repeated{text: []byte("noise\n"), left: endless}),
			bytes:  most,
			want:   frame.ErrTooLarge,
		},
		"Intros": {
			reason: "a record that comes again is refused at once",
			log:    &repeated{text: []byte(intro), left: endless},
			bytes:  64 << 10,
			want:   frame.ErrDuplicate,
		},
		"NoData": {
			reason: "a value that is announced and does not come takes no more than it may have",
			log:    io.MultiReader(strings.NewReader(head), &repeated{text: []byte("noise\n"), left: endless}),
			bytes:  most,
			want:   frame.ErrTooLarge,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			counted := &counter{r: tc.log}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := ReadFinished(counted, want())
			runtime.ReadMemStats(&after)
			if tc.want == nil && err != nil || tc.want != nil && !errors.Is(err, tc.want) {
				t.Errorf("%s: want %v, got %v", tc.reason, tc.want, err)
			}
			if counted.n > tc.bytes {
				t.Errorf("%s: %d bytes were read, more than %d", tc.reason, counted.n, tc.bytes)
			}
			if allocated := after.TotalAlloc - before.TotalAlloc; allocated > results.ObjectLimit+256<<10 {
				t.Errorf("%s: %d bytes were allocated", tc.reason, allocated)
			}
		})
	}
}

type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// headOf is a stream up to the header of a value of the largest size, which does not come.
func headOf(t *testing.T) string {
	t.Helper()
	value := strings.Repeat("v", results.ObjectLimit)
	lines := strings.SplitAfter(string(stream(t, false, step("step-one"), result("a", "string", value))), "\n")
	for i, line := range lines {
		if strings.Contains(line, " result ") {
			return strings.Join(lines[:i+1], "")
		}
	}
	t.Fatal("there is no header")
	return ""
}

// TestStreamOfAnotherSizeIsBounded: what is kept of a stream that is well formed is bounded by what the task declares.
func TestStreamOfAnotherSizeIsBounded(t *testing.T) {
	var many []func(*frame.Writer) error
	for range 5000 {
		many = append(many, step("step-two"))
	}
	counted := &counter{r: bytes.NewReader(stream(t, false, many...))}
	if _, err := ReadFinished(counted, want()); !errors.Is(err, ErrUnexpected) || counted.n > 64<<10 {
		t.Errorf("five thousand steps of a task of two: %v after %d bytes", err, counted.n)
	}
}

// TestEndlessLogIsReadTwice: a container that writes without end costs two reads while it runs, and two afterwards.
func TestEndlessLogIsReadTwice(t *testing.T) {
	var taken []*repeated
	endlessly := func(context.Context, Log) (io.ReadCloser, error) {
		r := &repeated{text: []byte("noise\n"), left: endless}
		taken = append(taken, r)
		return io.NopCloser(r), nil
	}
	got := collected(t, 24*time.Hour, Options{}, endlessly)
	if !got.GaveUp || !errors.Is(got.Err, frame.ErrTooLarge) || len(got.reads) != 4 {
		t.Errorf("want it given up as too large after four reads, got %d, %+v", len(got.reads), got.Progress)
	}
	for _, r := range taken {
		if r.taken > frame.DefaultMaxLogBytes+64<<10 {
			t.Errorf("a read took %d bytes", r.taken)
		}
	}
}

// TestReadsOfAHostileContainerAreFew: whatever a container writes for a day, its log is not read again and again.
func TestReadsOfAHostileContainerAreFew(t *testing.T) {
	noise := strings.Repeat("noise\n", 1000)
	cases := map[string]struct {
		reason string
		log    reply
		most   int
	}{
		"Closes": {reason: "a log that ends at once is followed again at growing intervals", log: gives([]byte(noise)), most: 24*60*60/15 + 20},
		"Drips":  {reason: "a log that drips is followed once", log: drips(time.Second), most: 10},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := collected(t, 24*time.Hour, Options{}, tc.log); !got.GaveUp || len(got.reads) > tc.most {
				t.Errorf("%s: %d reads, more than %d; %+v", tc.reason, len(got.reads), tc.most, got.Progress)
			}
		})
	}
}
