package collect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sluice-ci/sluice/internal/budget"
	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// largest is the size of a result that is as large as one can be.
const largest = results.ObjectLimit

// valueOf returns a value of a size that no other run has, and that cannot be compressed much.
func valueOf(run, size int) []byte {
	random := rand.NewChaCha8([32]byte{byte(run), byte(run >> 8)})
	value := make([]byte, size)
	_, _ = random.Read(value)
	for i := range value {
		value[i] = 'a' + value[i]&15
	}
	return value
}

// large is the stream of a run whose result has a size.
func large(t *testing.T, run, size int) []byte {
	t.Helper()
	return stream(t, false, step("step-one"), step("step-two"), result("a", "string", string(valueOf(run, size))))
}

// fleet is many runs whose logs are collected.
type fleet struct {
	*Collector

	memory *budget.Budget
	size   int
	// held is how many bytes of values were held at most, by the Sets, after a read of any log.
	held atomic.Int64
}

// newFleet returns a fleet with a memory. The logs of its runs have a value of a size, and stay open, as those of containers
// that run.
func newFleet(t *testing.T, size int, memory *budget.Budget) *fleet {
	t.Helper()
	f := &fleet{memory: memory, size: size}
	source := LogSourceFn(func(ctx context.Context, log Log) (io.ReadCloser, error) {
		var run int
		if _, err := fmt.Sscan(log.Pod, &run); err != nil {
			return nil, err
		}
		if log.Follow {
			return hangs(large(t, run, size))(ctx, log)
		}
		return gives(large(t, run, size))(ctx, log)
	})
	f.Collector = New(source, func(types.NamespacedName) { f.count() }, Options{Memory: f.memory})
	return f
}

// count notes how many bytes the Sets hold.
func (f *fleet) count() {
	f.mu.Lock()
	defer f.mu.Unlock()
	var held int64
	for _, t := range f.tasks {
		if set := t.progress.Set; set != nil {
			for _, r := range set.Results {
				held += int64(len(r.Value))
			}
		}
	}
	f.held.Store(max(f.held.Load(), held))
}

func (f *fleet) watch(namespace string, run int, ended bool) {
	name := fmt.Sprint(run)
	f.Watch(Target{
		Key: types.UID(name), Namespace: namespace, Pod: name, Want: want(),
		Owner: types.NamespacedName{Namespace: namespace, Name: name},
	}, ended)
}

func (f *fleet) progress(run int) Progress { return f.Progress(types.UID(fmt.Sprint(run))) }

// take takes the results of a run, as a pass does that writes them, and reports whether they are there.
func (f *fleet) take(t *testing.T, run int) bool {
	t.Helper()
	p := f.progress(run)
	if p.Err != nil || p.GaveUp {
		t.Fatalf("run %d: want no failure for lack of room, got %+v", run, p)
	}
	if p.Set == nil {
		return false
	}
	if len(p.Set.Results) != 1 || !bytes.Equal(p.Set.Results[0].Value, valueOf(run, f.size)) {
		t.Fatalf("run %d: the result is not what the step has written", run)
	}
	f.Forget(types.UID(fmt.Sprint(run)))
	return true
}

// TestManyFollowersShareTheMemory: of many runs that end at the same time, no more results are held at once than there is
// memory for, and each gets what its steps have written, byte for byte. That a container ends while its log waits is nothing
// to that.
func TestManyFollowersShareTheMemory(t *testing.T) {
	const runs, size, memory = 300, 20_000, 2 << 20
	for name, ended := range map[string]func(run int) bool{
		"Running":   func(int) bool { return false },
		"Ended":     func(int) bool { return true },
		"SomeEnded": func(run int) bool { return run%3 == 0 },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, size, budget.NewShared(memory, memory/2))
				var left []int
				for run := range runs {
					f.watch(fmt.Sprint("ns-", run%7), run, false)
					left = append(left, run)
				}
				synctest.Wait()
				for _, run := range left {
					f.watch(fmt.Sprint("ns-", run%7), run, ended(run))
				}
				rounds := 0
				for ; len(left) > 0; rounds++ {
					synctest.Wait()
					if load := f.Load(); load.Reserved > memory || load.Reserved == 0 {
						t.Fatalf("want between 1 and %d bytes reserved, got %d", memory, load.Reserved)
					}
					had := len(left)
					left = slices.DeleteFunc(left, func(run int) bool { return f.take(t, run) })
					if len(left) == had {
						t.Fatalf("%d runs wait, and none has its results: %+v", had, f.Load())
					}
				}
				if rounds < 2 {
					t.Errorf("want the memory to be too small for all at once, all had it")
				}
				if held := f.held.Load(); held*copies > memory || held < 2*size {
					t.Errorf("want at most %d bytes of values held at once, got %d", memory/copies, held)
				}
				if load := f.Load(); load.Reserved != 0 || load.WaitingForRoom != 0 {
					t.Errorf("want nothing reserved in the end, got %+v", load)
				}
			})
		})
	}
}

// TestLargestResultsFit: the memory of the controller is enough for results as large as they can be, of two runs of one
// namespace, and of as many of another one while all that the first can have is taken.
func TestLargestResultsFit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, largest, NewMemory())
		for run := range 2 {
			f.watch("ns", run, run%2 == 0)
		}
		synctest.Wait()
		for run := range 2 {
			if f.progress(run).Set == nil {
				t.Errorf("run %d: want its results, got %+v", run, f.progress(run))
			}
		}
		for run := range 20 {
			f.watch("ns", run, run%2 == 0)
		}
		synctest.Wait()
		for run := range 2 {
			f.watch("other", 100+run, run%2 == 0)
		}
		synctest.Wait()
		for run := range 2 {
			if !f.take(t, 100+run) {
				t.Errorf("run %d: want its results beside those of another namespace, got %+v", run, f.progress(100+run))
			}
		}
		for run := range 20 {
			f.Forget(types.UID(fmt.Sprint(run)))
		}
	})
}

// TestGreedyNamespaceLeavesRoom: a namespace whose results take all that it can have, and are never taken, keeps no other one
// from its results. Where two do so, a third one has its turn when one of them gives some back.
func TestGreedyNamespaceLeavesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size = 20_000
		f := newFleet(t, size, budget.NewShared(2<<20, 1<<20))
		for run := range 100 {
			f.watch("greedy", run, run%2 == 0)
		}
		synctest.Wait()
		if f.Load().WaitingForRoom == 0 {
			t.Fatal("want the greedy namespace to wait for room")
		}
		f.watch("other", 100, false)
		f.watch("other", 101, true)
		synctest.Wait()
		if !f.take(t, 100) || !f.take(t, 101) {
			t.Error("want the results of another namespace at once")
		}
		if !f.memory.LeaseFor("another").Grow(f.memory.Most()) || !f.memory.LeaseFor("rest").Grow(f.memory.Limit()-f.memory.Held()) {
			t.Fatal("want room for another namespace")
		}
		f.watch("third", 300, true)
		synctest.Wait()
		if f.progress(300).Set != nil {
			t.Fatal("want no room left")
		}
		taken := 0
		for run := 0; run < 100 && f.progress(300).Set == nil; run++ {
			if f.take(t, run) {
				taken++
			}
			synctest.Wait()
		}
		if !f.take(t, 300) || taken > 20 {
			t.Errorf("want the results of the third namespace after some of the greedy one's, got them after %d", taken)
		}
		for run := range 100 {
			f.Forget(types.UID(fmt.Sprint(run)))
		}
	})
}

// TestWaitingForRoomIsNoFailure: time without room does not count for the deadline, neither before the log is read nor
// between two tries. Progress reports that the collection waits, and for how long.
func TestWaitingForRoomIsNoFailure(t *testing.T) {
	const most = 50 * time.Second
	synctest.Test(t, func(t *testing.T) {
		memory := NewMemory()
		others := memory.LeaseFor("ns")
		lacking := func(yes bool) {
			t.Helper()
			if others.End(); yes && !others.Grow(memory.Most()) {
				t.Fatal("want a share")
			}
		}
		away := true
		source := LogSourceFn(func(ctx context.Context, log Log) (io.ReadCloser, error) {
			if away {
				return fails(errAway)(ctx, log)
			}
			return gives(whole(t))(ctx, log)
		})
		c := New(source, func(types.NamespacedName) {}, Options{Memory: memory})
		waits := func(want time.Duration) {
			t.Helper()
			synctest.Wait()
			p := c.Progress("uid")
			// It may rest between two tries when the waiting begins.
			if short := want - p.Waited; p.GaveUp || p.Set != nil || p.Unread != (want > 0) || short < 0 || short > 3*time.Second {
				t.Fatalf("want it to have waited for %s, got %+v", want, p)
			}
		}
		lacking(true)
		away = false
		c.Watch(target(), true)
		<-time.After(3 * time.Hour)
		waits(3 * time.Hour)

		away = true
		lacking(false)
		<-time.After(most / 2) // half of the deadline is used up
		lacking(true)
		away = false
		<-time.After(5 * time.Hour)
		waits(8 * time.Hour)

		away = true
		lacking(false)
		<-time.After(most / 2)
		away = false
		<-time.After(4 * time.Second)
		if p := c.Progress("uid"); p.Set == nil || p.Err != nil || p.Unread || p.Waited < 8*time.Hour-3*time.Second {
			t.Errorf("want the results within the deadline, which hours without room are not part of, got %+v", p)
		}
		c.Forget("uid")
	})
}

// TestRoomIsNotKeptForNothing: a follower whose log stops, or is too slow, releases its room while the container still runs.
func TestRoomIsNotKeptForNothing(t *testing.T) {
	half := large(t, 1, 100_000)[:60_000]
	of, say := target(), []func(*frame.Writer) error{step("step-one"), step("step-two")}
	for i := range 100 {
		name := fmt.Sprint("r", i)
		of.Want.Results = append(of.Want.Results, results.Declared{Name: name, Type: "string"})
		say = append(say, result(name, "string", "value"))
	}
	cases := map[string]struct {
		reason string
		log    reply
		after  time.Duration
	}{
		"Stalled": {
			reason: "No record comes for the time that a finished log has for one.",
			log:    hangs(half),
			after:  16 * time.Second,
		},
		"Slow": {
			reason: "Records come, and would for twenty minutes.",
			log:    slow(stream(t, false, say...), 6*time.Second),
			after:  85 * time.Second, // the first result comes after 24 s
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source := &script{replies: []reply{tc.log, hangs(nil)}}
				c := New(source, func(types.NamespacedName) {}, Options{})
				c.Watch(of, false)
				<-time.After(tc.after - 3*time.Second)
				if c.Load().Reserved == 0 {
					t.Errorf("%s: want room held while the log is read", tc.reason)
				}
				<-time.After(3 * time.Second)
				if held := c.Load().Reserved; held != 0 {
					t.Errorf("%s: want all room given back after %s, got %d bytes", tc.reason, tc.after, held)
				}
				c.Forget("uid")
				<-time.After(time.Minute) // until the log ends, too
			})
		})
	}
}

// TestFollowerHoldsNoRoomWhileStepsRun: records of steps come for as long as other steps run. They take no room, and where
// there are many of them the log is read when the container has ended.
func TestFollowerHoldsNoRoomWhileStepsRun(t *testing.T) {
	const many = 200
	names := make([]string, many)
	records := make([]func(*frame.Writer) error, many)
	for i := range names {
		names[i] = fmt.Sprint("step-", i)
		records[i] = step(names[i])
	}
	ended := stream(t, false, records...)
	lines := bytes.SplitAfter(ended, []byte("\n"))
	cases := map[string]struct {
		steps     int
		followers int
	}{
		"Few": {
			steps:     20,
			followers: 1,
		},
		"Many": {
			steps:     many - 1,
			followers: 0,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source := &script{replies: []reply{hangs(bytes.Join(lines[:1+tc.steps], nil)), gives(ended)}}
				c := New(source, func(types.NamespacedName) {}, Options{})
				of := target()
				of.Want.Steps = names
				c.Watch(of, false)
				<-time.After(24 * time.Hour)
				p, load := c.Progress("uid"), c.Load()
				if p != (Progress{}) || load.Reserved != 0 || load.Followers != tc.followers || len(source.seen) != 1 {
					t.Errorf("want one read, no word, no room, and %d followers, got %d reads, %+v, %+v",
						tc.followers, len(source.seen), p, load)
				}
				c.Watch(of, true)
				<-time.After(5 * time.Second)
				if p := c.Progress("uid"); p.Set == nil || len(p.Set.Steps) != many {
					t.Errorf("want the records of all steps, got %+v", p)
				}
				c.Forget("uid")
			})
		})
	}
}

// TestMoreThanThereCanBe: a stream that no memory would ever be enough for fails and says so, instead of waiting for it.
func TestMoreThanThereCanBe(t *testing.T) {
	log := gives(large(t, 1, 600_000))
	for name, runs := range map[string]time.Duration{"Running": time.Minute, "Ended": 0} {
		t.Run(name, func(t *testing.T) {
			got := collected(t, runs, Options{Memory: budget.NewShared(4<<20, 2<<20)}, log)
			limit := "more than 2097152 bytes of memory"
			if !got.GaveUp || !errors.Is(got.Err, frame.ErrTooLarge) || !strings.Contains(got.Err.Error(), limit) {
				t.Errorf("want a failure that names the limit, got %+v", got.Progress)
			}
		})
	}
}

// TestReadWithoutRoomIsNoFailure: a read that lacks room is no failure in the metrics, and its collection is counted as waiting.
func TestReadWithoutRoomIsNoFailure(t *testing.T) {
	meter := &recording{}
	synctest.Test(t, func(t *testing.T) {
		memory := NewMemory()
		others := memory.LeaseFor("ns")
		if !others.Grow(memory.Most()) {
			t.Fatal("want a share")
		}
		c := New(&script{replies: []reply{gives(whole(t))}}, func(types.NamespacedName) {}, Options{Memory: memory, Meter: meter})
		c.Watch(target(), true)
		synctest.Wait()
		if load := c.Load(); load.WaitingForRoom != 1 || load.Readers != 0 {
			t.Errorf("want one that waits for room, and no place taken, got %+v", load)
		}
		others.End()
		synctest.Wait()
		if load := c.Load(); load.WaitingForRoom != 0 || load.Reserved == 0 {
			t.Errorf("want room held for the results, got %+v", load)
		}
		c.Forget("uid")
	})
	if len(meter.reads) != 2 || meter.reads[0].Cause != "" || len(meter.ends) != 1 || meter.ends[0].Cause != "" {
		t.Errorf("want two reads and one end without a cause, got %+v, %+v", meter.reads, meter.ends)
	}
}
