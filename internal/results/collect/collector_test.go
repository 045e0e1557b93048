package collect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sluice-ci/sluice/internal/results/frame"
)

func forbidden() error {
	return apierrors.NewForbidden(schema.GroupResource{Resource: "pods/log"}, "run-pod", errors.New("not yours"))
}

// TestCollectorSucceeds: whatever passes within the deadline leaves a whole set behind, and no error.
func TestCollectorSucceeds(t *testing.T) {
	damaged := bytes.Replace(whole(t), []byte("step-one"), []byte("step-two"), 1)
	ten := func(one, last reply) []reply { return append(slices10(one), last) }
	cases := map[string]struct {
		reason  string
		replies []reply
		runs    time.Duration
		atMost  time.Duration
	}{
		"Follows": {
			reason:  "the log of a running container is followed",
			replies: []reply{gives(whole(t))},
			runs:    time.Hour,
		},
		"FollowsToTheEnd": {
			reason:  "a followed log stays open; waiting for its end would cost what following gains",
			replies: []reply{hangs(whole(t))},
			runs:    time.Hour,
		},
		"Ended": {
			reason:  "the log of a container that has ended is read",
			replies: []reply{gives(whole(t))},
		},
		"Denied": {
			reason:  "a permission that is given in time is in time",
			replies: ten(fails(forbidden()), gives(whole(t))),
			atMost:  30 * time.Second,
		},
		"NotFound": {
			reason:  "a kubelet may not know its pod for a moment",
			replies: ten(fails(apierrors.NewNotFound(schema.GroupResource{Resource: "pods"}, "run-pod")), gives(whole(t))),
			atMost:  30 * time.Second,
		},
		"InternalError": {
			reason:  "500 passes",
			replies: ten(fails(apierrors.NewInternalError(errAway)), gives(whole(t))),
			atMost:  30 * time.Second,
		},
		"Unavailable": {
			reason:  "503 passes",
			replies: ten(fails(apierrors.NewServiceUnavailable("restarting")), gives(whole(t))),
			atMost:  30 * time.Second,
		},
		"Timeout": {
			reason:  "504 passes",
			replies: ten(fails(apierrors.NewTimeoutError("slow", 1)), gives(whole(t))),
			atMost:  30 * time.Second,
		},
		"KubeletAway": {
			reason:  "a kubelet that restarts is waited for",
			replies: ten(fails(errAway), gives(whole(t))),
			atMost:  30 * time.Second,
		},
		"CutShort": {
			reason:  "a stream that ends early is read again, whole",
			replies: []reply{gives(whole(t)[:40]), gives(whole(t))},
			atMost:  time.Second,
		},
		"Reset": {
			reason:  "a connection that is reset is made again",
			replies: []reply{breaks(whole(t)[:200], io.ErrUnexpectedEOF), gives(whole(t))},
			atMost:  time.Second,
		},
		"ResetAfterEnd": {
			reason:  "what happens to a connection after the end record is nothing to the stream",
			replies: []reply{breaks(whole(t), io.ErrUnexpectedEOF)},
		},
		"StallsAfterEnd": {
			reason:  "nor is it that nobody closes the log",
			replies: []reply{hangs(whole(t))},
			atMost:  20 * time.Second,
		},
		"RotatedWhileRead": {
			reason:  "a damage that is gone at the next read was none",
			replies: []reply{gives(damaged), gives(whole(t))},
			atMost:  time.Second,
		},
		"OpenHangs": {
			reason:  "a request that is never answered is made again",
			replies: []reply{refuses(), gives(whole(t))},
			atMost:  20 * time.Second,
		},
		"ReadHangs": {
			reason:  "a log that comes to a standstill is read again",
			replies: []reply{hangs(whole(t)[:300]), gives(whole(t))},
			atMost:  20 * time.Second,
		},
		"Drips": {
			reason:  "bytes without a record are a standstill, too",
			replies: []reply{drips(time.Second), gives(whole(t))},
			atMost:  20 * time.Second,
		},
		"Slow": {
			reason:  "a log that comes slowly, record by record, is not at a standstill",
			replies: []reply{slow(whole(t), 7*time.Second)},
			atMost:  time.Minute,
		},
		"FollowerHangs": {
			reason:  "a follower whose connection is dead is not waited for once the container has ended",
			replies: []reply{hangs(whole(t)[:300]), gives(whole(t))},
			runs:    time.Hour,
			atMost:  3 * time.Second,
		},
		"FollowerDrips": {
			reason:  "nor one that only gets noise",
			replies: []reply{drips(time.Minute), gives(whole(t))},
			runs:    time.Hour,
			atMost:  3 * time.Second,
		},
		"FollowerDenied": {
			reason:  "a container outlives any trouble with its log",
			replies: []reply{fails(forbidden()), gives(whole(t))},
			runs:    time.Hour,
		},
		"FollowerDamaged": {
			reason:  "damage that is seen while following is judged by the finished log",
			replies: []reply{gives(damaged), gives(damaged), gives(whole(t))},
			runs:    time.Hour,
			atMost:  3 * time.Second,
		},
		"Lags": {
			reason:  "what the runtime writes a moment later is there in time (#8028)",
			replies: append(slices10(gives(whole(t)[:300]))[:4], gives(whole(t))),
			atMost:  4 * time.Second,
		},
		"LagsAfterOutage": {
			reason:  "also after an outage",
			replies: append(slices10(fails(errAway)), gives(whole(t)[:300]), gives(whole(t)[:500]), gives(whole(t))),
			atMost:  30 * time.Second,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := collected(t, tc.runs, Options{}, tc.replies...)
			if got.Set == nil || got.Err != nil {
				t.Fatalf("%s: want a set, got %+v", tc.reason, got.Progress)
			}
			if len(got.Set.Steps) != 2 || len(got.Set.Results) != 1 || len(got.Set.Problems) != 1 {
				t.Errorf("%s: the set is not whole: %+v", tc.reason, got.Set)
			}
			if len(got.reads) < len(tc.replies) {
				t.Errorf("%s: %d reads, and %d were to come", tc.reason, len(got.reads), len(tc.replies))
			}
			if after := got.took - tc.runs; after > tc.atMost {
				t.Errorf("%s: it took %s after the container had ended, more than %s", tc.reason, after, tc.atMost)
			}
		})
	}
}

func slices10(one reply) []reply {
	list := make([]reply, 10)
	for i := range list {
		list[i] = one
	}
	return list
}

// TestCollectorGivesUp: what cannot pass ends with its reason, no later than it must.
func TestCollectorGivesUp(t *testing.T) {
	const soon, deadline = 6 * time.Second, time.Minute
	damaged := bytes.Replace(whole(t), []byte("step-one"), []byte("step-two"), 1)
	cases := map[string]struct {
		reason  string
		replies []reply
		runs    time.Duration
		options Options
		want    error
		took    [2]time.Duration
		message string
	}{
		"Unreachable": {
			reason:  "the last error is told, and how long it lasted",
			replies: []reply{fails(errAway)},
			want:    errAway,
			took:    [2]time.Duration{deadline - 4*time.Second, deadline},
			message: `^the log is unavailable: kubelet away; read \d\d times over 60 s$`,
		},
		"Deadline": {
			reason:  "the deadline is an option",
			replies: []reply{fails(errAway)},
			options: Options{Deadline: 10 * time.Second},
			want:    errAway,
			took:    [2]time.Duration{9 * time.Second, 10 * time.Second},
			message: `over 10 s$`,
		},
		"Denied": {
			reason:  "a missing permission stays recognisable",
			replies: []reply{fails(forbidden())},
			took:    [2]time.Duration{deadline - 4*time.Second, deadline},
			message: `^the controller may not read the log: pods/log "run-pod" is forbidden: not yours; read \d\d times over 60 s$`,
		},
		"Gone": {
			reason:  "a pod that is gone does not come back",
			replies: []reply{fails(apierrors.NewNotFound(schema.GroupResource{Resource: "pods"}, "run-pod"))},
			took:    [2]time.Duration{deadline - 4*time.Second, deadline},
			message: `^the log does not exist: pods "run-pod" not found; read \d\d times over 60 s$`,
		},
		"NeverAnswered": {
			reason:  "a request that is never answered does not hold up the run",
			replies: []reply{refuses()},
			want:    errStalled,
			took:    [2]time.Duration{deadline - 4*time.Second, deadline},
			message: `^the log had no record for too long; read 4 times over 60 s$`,
		},
		"Hangs": {
			reason:  "nor does a log that stands still",
			replies: []reply{hangs(whole(t)[:300])},
			want:    errStalled,
			took:    [2]time.Duration{deadline - 4*time.Second, deadline},
			message: `^the log had no record for too long; read 4 times over 60 s$`,
		},
		"Drips": {
			reason:  "nor one that gives bytes and never a record",
			replies: []reply{drips(time.Second)},
			want:    frame.ErrIncomplete,
			took:    [2]time.Duration{deadline - 4*time.Second, deadline},
			message: `^the log had no record for too long; read 4 times over 60 s$`,
		},
		"Empty": {
			reason:  "log read before the sidecar had printed (#8028): never green and empty, and no minute's wait for nothing",
			replies: []reply{gives(nil)},
			want:    frame.ErrIncomplete,
			took:    [2]time.Duration{4 * time.Second, soon},
			message: `^the results stream is incomplete: the log has no end record; read \d times over 4 s$`,
		},
		"SidecarKilled": {
			reason:  "a sidecar that was killed leaves half a stream, and will not write the rest",
			replies: []reply{gives(whole(t)[:300])},
			runs:    time.Minute,
			want:    frame.ErrIncomplete,
			took:    [2]time.Duration{4 * time.Second, soon},
			message: `has no end record; read \d times over 4 s$`,
		},
		"Damaged": {
			reason:  "a damaged log that is finished does not mend",
			replies: []reply{gives(damaged)},
			want:    frame.ErrDigest,
			took:    [2]time.Duration{0, time.Second},
			message: `^the results stream is damaged: the checksum of line 1 is wrong; read 2 times within a second$`,
		},
		"DamagedWhileRunning": {
			reason:  "it is judged when it is finished",
			replies: []reply{gives(damaged)},
			runs:    time.Minute,
			want:    frame.ErrDigest,
			took:    [2]time.Duration{0, time.Second},
			message: `; read 2 times within a second$`,
		},
		"AnotherTask": {
			reason:  "a whole stream of another task does not become this one's",
			replies: []reply{gives(stream(t, false, step("step-one")))},
			want:    ErrUnexpected,
			took:    [2]time.Duration{0, time.Second},
			message: `it ends without a record of step "step-two"; read 2 times within a second$`,
		},
		"Panics": {
			reason:  "one log that nobody has thought of must not end the controller",
			replies: []reply{breaksBy(func() { panic("boom") })},
			want:    errPanic,
			took:    [2]time.Duration{0, time.Second},
			message: `: boom; read 2 times within a second$`,
		},
		"Mixed": {
			reason:  "different failures are counted by kind",
			replies: append(slices10(fails(errAway)), breaks(whole(t)[:100], io.ErrUnexpectedEOF), gives(nil)),
			want:    frame.ErrIncomplete,
			took:    [2]time.Duration{8 * time.Second, 30 * time.Second},
			message: `has no end record; read \d\d times over \d\d s \(10 times it was unavailable, once the connection ` +
				`broke, \d times it had no end record\)$`,
		},
		"CutAtDeadline": {
			reason:  "a read that the deadline cuts off does not hide what was wrong before",
			replies: []reply{fails(errAway), refuses()},
			options: Options{Stall: time.Hour},
			want:    errAway,
			took:    [2]time.Duration{deadline, deadline},
			message: `^the log is unavailable: kubelet away; read 2 times over 60 s \(once it was unavailable, once it had no record in time\)$`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := collected(t, tc.runs, tc.options, tc.replies...)
			if got.Set != nil || !got.GaveUp || tc.want != nil && !errors.Is(got.Err, tc.want) {
				t.Fatalf("%s: want %v, got %+v", tc.reason, tc.want, got.Progress)
			}
			if after := got.took - tc.runs; after < tc.took[0] || after > tc.took[1] {
				t.Errorf("%s: it took %s after the container had ended, not %s to %s", tc.reason, after, tc.took[0], tc.took[1])
			}
			if !matches(tc.message, got.Err.Error()) {
				t.Errorf("%s: the message is %q, and has to match %q", tc.reason, got.Err, tc.message)
			}
			if name == "Denied" && !apierrors.IsForbidden(got.Err) || name == "Gone" && !apierrors.IsNotFound(got.Err) {
				t.Errorf("%s: the API's error is hidden by %T", tc.reason, got.Err)
			}
			var read *ReadError
			if !errors.As(got.Err, &read) || !read.Final || read.Reads < 2 {
				t.Errorf("%s: the error does not say that it is final, and how often was read: %+v", tc.reason, read)
			}
		})
	}
}

// TestEveryReadIsBounded: whichever way a log is read, no more is asked for than a stream may have.
func TestEveryReadIsBounded(t *testing.T) {
	got := collected(t, time.Minute, Options{}, fails(errAway), gives(nil))
	for i, log := range got.reads {
		if log.LimitBytes != frame.DefaultMaxLogBytes+1 || log.Pod != "run-pod" || log.Container != "sidecar-results" || log.Namespace != "ns" {
			t.Errorf("read %d is %+v", i, log)
		}
	}
	if first, last := got.reads[0], got.reads[len(got.reads)-1]; !first.Follow || last.Follow {
		t.Errorf("a running container's log is followed, a finished one's read whole: got %+v, %+v", first, last)
	}
}

// TestMessageIsStable: conditions are compared in order to save writes. A connection has another port each time, and
// what comes of a stream another length.
func TestMessageIsStable(t *testing.T) {
	reset := func(port, n int) reply {
		return breaks(whole(t)[:n], fmt.Errorf("read tcp 10.0.0.1:%d->10.0.0.2:443: connection reset by peer", port))
	}
	var replies []reply
	for i := range 20 {
		replies = append(replies, reset(40000+i, 10*i))
	}
	got := collected(t, 0, Options{}, append(replies, reset(1, 0))...)
	if len(got.told) != 2 || got.wakes != 2 {
		t.Errorf("one trouble is told once, and once more when it is over: %d times, %q", got.wakes, got.told)
	}
	if want := "the connection broke while the log was read: read tcp 10.0.0.2:443: connection reset by peer"; got.told[0] != want {
		t.Errorf("it is told as %q, not as %q", got.told[0], want)
	}
}

// TestFollowingAgainIsNoNews: a proxy that cuts idle connections would otherwise make each run's message flap.
func TestFollowingAgainIsNoNews(t *testing.T) {
	half := whole(t)[:300]
	got := collected(t, time.Hour, Options{}, breaks(half, io.ErrUnexpectedEOF), breaks(half, io.ErrUnexpectedEOF),
		gives(half), hangs(whole(t)))
	if got.Set == nil || len(got.told) != 0 {
		t.Errorf("a log that is followed again has nothing to tell: %q, %+v", got.told, got.Progress)
	}
}

// TestTroubleWhileRunningPasses: what was wrong with a log must not stand in the condition when it is followed again.
func TestTroubleWhileRunningPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &script{replies: []reply{fails(forbidden()), hangs(whole(t)[:300])}}
		woken := make(chan struct{}, 1000)
		c := New(source, func(types.NamespacedName) { woken <- struct{}{} }, Options{})
		c.Watch(target(), false)
		<-woken
		if err := c.Progress("uid").Err; !apierrors.IsForbidden(err) {
			t.Errorf("while it is refused, that is told: %v", err)
		}
		<-woken
		if diff := cmp.Diff(Progress{}, c.Progress("uid")); diff != "" {
			t.Errorf("once it is followed, all is well: -want +got:\n%s", diff)
		}
		c.Forget("uid")
	})
}

// TestFollowersAreBounded: above the bound a log is read once its container has ended.
func TestFollowersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := LogSourceFn(func(ctx context.Context, log Log) (io.ReadCloser, error) {
			if log.Pod == "first" {
				return hangs(nil)(ctx, log)
			}
			if log.Follow {
				t.Error("the second log is followed although one follower is all there is")
			}
			return gives(whole(t))(ctx, log)
		})
		c := New(source, func(types.NamespacedName) {}, Options{MaxFollowers: 1})
		c.Watch(Target{Key: "1", Pod: "first", Want: want()}, false)
		synctest.Wait() // before the second asks for the place
		second := Target{Key: "2", Pod: "second", Want: want()}
		c.Watch(second, false)
		synctest.Wait()
		c.Watch(second, true)
		synctest.Wait()
		if got := c.Progress("2"); got.Set == nil {
			t.Errorf("want the second set, got %+v", got)
		}
		c.Forget("1")
	})
}

// TestWaitingForATurnIsNoFailure: a log that has to wait because other logs stand still keeps its whole deadline.
func TestWaitingForATurnIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := LogSourceFn(func(ctx context.Context, log Log) (io.ReadCloser, error) {
			if log.Pod == "healthy" {
				return gives(whole(t))(ctx, log)
			}
			return refuses()(ctx, log)
		})
		ended := make(chan types.NamespacedName, 1000)
		c := New(source, func(owner types.NamespacedName) { ended <- owner }, Options{MaxReaders: 1, Stall: time.Hour})
		for _, name := range []string{"dead-1", "dead-2", "dead-3", "healthy"} {
			c.Watch(Target{Key: types.UID(name), Pod: name, Want: want(), Owner: types.NamespacedName{Name: name}}, true)
			synctest.Wait() // each stands in the queue behind the one before
		}
		for range 4 {
			<-ended
		}
		if got := c.Progress("healthy"); got.Set == nil {
			t.Errorf("three minutes behind others are no reason to fail: %+v", got)
		}
	})
}

// TestAnotherPodTakesThePlace: a run that is tried again has another pod, and must not get the results of the first.
func TestAnotherPodTakesThePlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := LogSourceFn(func(ctx context.Context, log Log) (io.ReadCloser, error) {
			if log.Pod == "run-pod" {
				return gives(whole(t))(ctx, log)
			}
			return hangs(nil)(ctx, log)
		})
		c := New(source, func(types.NamespacedName) {}, Options{})
		c.Watch(target(), true)
		synctest.Wait()
		if c.Progress("uid").Set == nil {
			t.Fatal("the first pod has results")
		}
		again := target()
		again.Pod, again.Want.Nonce = "run-pod-retry1", "another"
		c.Watch(again, false)
		synctest.Wait()
		if diff := cmp.Diff(Progress{}, c.Progress("uid")); diff != "" {
			t.Errorf("results of the pod before are passed off as those of this one: -want +got:\n%s", diff)
		}
		c.Forget("uid")
	})
}

// TestStartEndsAll: a controller that ends leaves nothing running.
func TestStartEndsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(&script{replies: []reply{hangs(nil)}}, func(types.NamespacedName) {}, Options{})
		c.Watch(target(), false)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- c.Start(ctx) }()
		synctest.Wait()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Start: %v", err)
		}
		if len(c.tasks)+len(c.owners) != 0 {
			t.Errorf("%d tasks are left", len(c.tasks))
		}
	})
}
