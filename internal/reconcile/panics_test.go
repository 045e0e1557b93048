package reconcile

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	testingclock "k8s.io/utils/clock/testing"
)

func epoch() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

func object(uid types.UID) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: uid}}
}

// pass reconciles o with a panic, and returns the reports, and the value that was raised to the caller.
func pass(c *PanicTracker, o metav1.Object, value any, report func(Panic) error) (told []Panic, raised any) {
	defer func() { raised = recover() }()
	defer c.Recover(context.Background(), o, func(crash Panic) error {
		told = append(told, crash)
		return report(crash)
	})
	if value != nil {
		panic(value)
	}
	return nil, nil
}

func ok(Panic) error { return nil }

func TestContain(t *testing.T) {
	_, cut, _ := strings.Cut(t.Name(), "/") // empty, which the compiler cannot know
	fault := func() (value any) {
		defer func() { value = recover() }()
		return make([]int, len(cut))[0]
	}()
	cases := map[string]struct {
		reason string
		value  any
		report func(Panic) error
		want   string
	}{
		"None": {
			reason: "a pass without a panic tells nobody anything",
			report: ok,
		},
		"Runtime": {
			reason: "the words of the Go runtime have no data of anybody",
			value:  fault,
			report: ok,
			want:   "runtime error: index out of range [0] with length 0",
		},
		"Wrapped": {
			reason: "also within another error",
			value:  fmt.Errorf("hidden: %w", fault.(error)),
			report: ok,
			want:   "runtime error: index out of range [0] with length 0",
		},
		"Text": {
			reason: "another value may hold what is nobody's business",
			value:  "password hunter2",
			report: ok,
			want:   "a panic with a value of type string",
		},
		"Carried": {
			reason: "what a goroutine panicked with counts, not what carried it",
			value:  &PropagatedError{Value: fault, Stack: []byte("stack")},
			report: ok,
			want:   "runtime error: index out of range [0] with length 0",
		},
		"ReportFails": {
			reason: "a report that fails changes nothing",
			value:  fault,
			report: func(Panic) error { return errors.New("away") },
			want:   "runtime error: index out of range [0] with length 0",
		},
		"ReportPanics": {
			reason: "one that panics for the same cause neither",
			value:  fault,
			report: func(Panic) error { panic("again") },
			want:   "runtime error: index out of range [0] with length 0",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			told, raised := pass(NewPanicTracker(testingclock.NewFakePassiveClock(epoch())), object("1"), tc.value, tc.report)
			if raised != tc.value {
				t.Errorf("%s: the panic goes on to who counts and logs it, want %v, got %v", tc.reason, tc.value, raised)
			}
			if tc.want == "" {
				if len(told) != 0 {
					t.Errorf("%s, got %v", tc.reason, told)
				}
				return
			}
			if len(told) != 1 || told[0].What != tc.want || !strings.Contains(told[0].Message(), tc.want) {
				t.Errorf("%s: want one report of %q, got %v", tc.reason, tc.want, told)
			}
		})
	}
}

// TestRest: an object that panics each time is given up, and costs less and less, while others continue.
func TestRest(t *testing.T) {
	clock := testingclock.NewFakePassiveClock(epoch())
	c := NewPanicTracker(clock)
	bad, good := object("bad"), object("good")
	var rests []time.Duration
	for n := 1; n <= 12; n++ {
		told, _ := pass(c, bad, "no", ok)
		if told[0].Count != n || told[0].Final() != (n >= 5) {
			t.Errorf("panic %d: want it counted, and final from the fifth, got %+v", n, told[0])
		}
		left := c.Backoff(bad)
		rests = append(rests, left)
		clock.SetTime(clock.Now().Add(left - time.Millisecond))
		if c.Backoff(bad) != time.Millisecond {
			t.Errorf("panic %d: want it to rest for all of %v", n, left)
		}
		clock.SetTime(clock.Now().Add(time.Millisecond))
		if c.Backoff(bad) != 0 {
			t.Errorf("panic %d: want it tried again after %v", n, left)
		}
		if c.Backoff(good) != 0 {
			t.Error("another object is not to wait")
		}
	}
	want := []time.Duration{1e9, 2e9, 4e9, 8e9, 16e9, 32e9, 64e9, 128e9, 256e9, 300e9, 300e9, 300e9}
	for i := range want {
		if rests[i] != want[i] {
			t.Errorf("rests: want %v, got %v", want, rests)
			break
		}
	}
	clock.SetTime(clock.Now().Add(memory + time.Second))
	if told, _ := pass(c, good, "no", ok); told[0].Count != 1 || len(c.records) != 1 {
		t.Errorf("what is long ago is forgotten, got %d records", len(c.records))
	}
}

func TestCarrier(t *testing.T) {
	var c Propagator
	c.Raise() // of nothing
	var all sync.WaitGroup
	for i := range 3 {
		all.Go(func() {
			defer c.Catch()
			if i > 0 {
				panic(fmt.Sprint("number ", i))
			}
		})
	}
	all.Wait()
	defer func() {
		carried, ok := recover().(*PropagatedError)
		if !ok || !strings.HasPrefix(fmt.Sprint(carried.Value), "number ") || !strings.Contains(carried.Error(), "TestCarrier") {
			t.Errorf("want the panic of one of them, with its stack, got %v", carried)
		}
	}()
	c.Raise()
	t.Error("want a panic")
}
