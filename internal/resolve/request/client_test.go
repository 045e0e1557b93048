package request

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	resolutionv1beta1 "github.com/sluice-ci/sluice/api/resolution/v1beta1"
	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/budget"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/resolve"
	"github.com/sluice-ci/sluice/test/testutil/resolver"
)

func epoch() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

// place is a Client on an in-memory API server.
type place struct {
	*Client

	api   client.WithWatch
	clock *testingclock.FakePassiveClock
	// calls counts the requests to the API server, by verb.
	calls map[string]int
}

func newPlace(t *testing.T, intercept interceptor.Funcs, change ...func(*Options)) *place {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := errors.Join(v1.AddToScheme(scheme), resolutionv1beta1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	p := &place{clock: testingclock.NewFakePassiveClock(epoch()), calls: map[string]int{}}
	p.api = fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(&resolutionv1beta1.ResolutionRequest{}).
		WithInterceptorFuncs(intercept).Build()
	counted := interceptor.NewClient(p.api, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			p.calls["get"]++
			return c.Get(ctx, key, o, opts...)
		},
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			p.calls["create"]++
			return c.Create(ctx, o, opts...)
		},
	})
	options := Options{Client: counted, Live: counted, Clock: p.clock, Config: config.NewStore(config.Default())}
	for _, f := range change {
		f(&options)
	}
	p.Client = New(options)
	return p
}

// wanted is the request of a run for a Task. Start is when the run has started; zero in its first reconcile.
func wanted(start time.Time) resolve.Request {
	return resolve.Request{
		Run: resolve.Run{
			Kind: v1.KindTaskRun, Object: &metav1.ObjectMeta{Namespace: "ci", Name: "build", UID: "uid-1"}, Start: start,
		},
		Namespace: "ci", Resolver: "git", Kind: v1.KindTask, Params: []v1.Param{{Name: "url", Value: v1.StringValue("https://x")}},
	}
}

// only returns the one request in the API server.
func (p *place) only(t *testing.T) *resolutionv1beta1.ResolutionRequest {
	t.Helper()
	list := &resolutionv1beta1.ResolutionRequestList{}
	if err := p.api.List(t.Context(), list); err != nil || len(list.Items) != 1 {
		t.Fatalf("want one ResolutionRequest, got %d, %v", len(list.Items), err)
	}
	return &list.Items[0]
}

// pendingUntil checks that an error is a wait until a time.
func pendingUntil(t *testing.T, err error, due time.Time) {
	t.Helper()
	pending, ok := errors.AsType[*resolve.PendingError](err)
	if !ok || !pending.Due.Equal(due) || pending.Reason() != v1.TaskRunReasonResolvingTaskRef {
		t.Errorf("want a wait until %s, got %#v", due, err)
	}
}

func TestRequestIsMadeOnceAndAnswered(t *testing.T) {
	p := newPlace(t, interceptor.Funcs{})
	_, err := p.Fetch(t.Context(), wanted(time.Time{}), &v1.Task{})
	pendingUntil(t, err, epoch().Add(5*time.Second)) // no watch wakes the run yet
	made := p.only(t)
	if made.Labels[resolutionv1beta1.LabelType] != "git" || !cmp.Equal(made.Spec.Params, wanted(epoch()).Params) ||
		!metav1.IsControlledBy(made, wanted(epoch()).Run.Object) {
		t.Errorf("got the request %+v", made)
	}
	if _, err = p.Fetch(t.Context(), wanted(time.Time{}), &v1.Task{}); err == nil { // a restart before the status was written
		t.Error("there is no answer yet")
	}
	p.only(t)
	source := &v1.RefSource{URI: "git+https://x", Digest: map[string]string{"sha1": "00"}, EntryPoint: "task.yaml"}
	if err := resolver.Write(t.Context(), p.api, p.only(t), resolver.Answer{Definition: taskYAML, Source: source}); err != nil {
		t.Fatal(err)
	}
	task := &v1.Task{}
	found, err := p.Fetch(t.Context(), wanted(epoch()), task)
	if err != nil || task.Name != "hello" || !cmp.Equal(found, source) {
		t.Errorf("got %+v of %+v, %v", task, found, err)
	}
	if want := map[string]int{"create": 2, "get": 2}; !cmp.Equal(p.calls, want) {
		t.Errorf("requests to the API server: want %v, got %v", want, p.calls)
	}
}

func TestOutcomes(t *testing.T) {
	for name, tc := range map[string]struct {
		reason string
		answer resolver.Answer
		late   bool
		want   string // a part of the error; empty for a definition
	}{
		"Bare": {
			reason: "a definition counts without a condition",
			answer: resolver.Answer{Definition: taskYAML, Bare: true},
		},
		"Late": {
			reason: "an answer that is there counts, however late the run is reconciled",
			answer: resolver.Answer{Definition: taskYAML},
			late:   true,
		},
		"Failure": {
			reason: "the message of the resolver is that of the run",
			answer: resolver.Answer{Failure: "no such repository"},
			want:   "failed: ResolutionFailed: no such repository",
		},
		"Garbage": {
			reason: "an answer that is not a definition",
			answer: resolver.Answer{Data: "%%%"},
			want:   `the answer of resolver "git" in ResolutionRequest`,
		},
		"Never": {
			reason: "no program serves the resolver",
			late:   true,
			want:   "within 1m0s; check whether a program that serves resolver \"git\" is running, or raise default-maximum-resolution-timeout",
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t, interceptor.Funcs{})
			if _, err := p.Fetch(t.Context(), wanted(time.Time{}), &v1.Task{}); err == nil {
				t.Fatal("there is no answer yet")
			}
			if err := resolver.Write(t.Context(), p.api, p.only(t), tc.answer); err != nil {
				t.Fatal(err)
			}
			if tc.late {
				p.clock.SetTime(epoch().Add(time.Minute))
			}
			_, err := p.Fetch(t.Context(), wanted(epoch()), &v1.Task{})
			switch {
			case tc.want == "" && err != nil:
				t.Errorf("%s: got %v", tc.reason, err)
			case tc.want != "" && (!errors.Is(err, resolve.ErrUnresolvable) || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("%s: want %q, got %v", tc.reason, tc.want, err)
			}
		})
	}
}

// TestDeletedRequestIsMadeAgain: until the run has waited for its time, however often the request is deleted.
func TestDeletedRequestIsMadeAgain(t *testing.T) {
	p := newPlace(t, interceptor.Funcs{})
	start := time.Time{}
	rounds := 0
	for ; rounds < 1000; rounds++ {
		_, err := p.Fetch(t.Context(), wanted(start), &v1.Task{})
		if errors.Is(err, resolve.ErrUnresolvable) {
			break
		}
		pending, ok := errors.AsType[*resolve.PendingError](err)
		if !ok {
			t.Fatal(err)
		}
		if err := p.api.Delete(t.Context(), p.only(t)); err != nil {
			t.Fatal(err)
		}
		start = epoch()
		p.clock.SetTime(pending.Due)
	}
	if want := 12; rounds != want { // a minute, in periods of five seconds
		t.Errorf("want %d requests and then an end, got %d", want, rounds)
	}
}

// TestForeignRequest: an object of the same name that belongs to another object is not an answer.
func TestForeignRequest(t *testing.T) {
	p := newPlace(t, interceptor.Funcs{})
	foreign, err := requestFor(wanted(time.Time{}))
	if err != nil {
		t.Fatal(err)
	}
	foreign.OwnerReferences = nil
	if err := p.api.Create(t.Context(), foreign); err != nil {
		t.Fatal(err)
	}
	if err := resolver.Write(t.Context(), p.api, foreign, resolver.Answer{Definition: taskYAML}); err != nil {
		t.Fatal(err)
	}
	for _, start := range []time.Time{{}, epoch()} {
		_, err := p.Fetch(t.Context(), wanted(start), &v1.Task{})
		if !errors.Is(err, resolve.ErrUnresolvable) || !strings.Contains(err.Error(), "does not belong to this TaskRun") {
			t.Errorf("got %v", err)
		}
	}
}

// TestUnserved: without the CRD the run fails, and the message names the CRD. It also does if the CRD was deleted a moment ago.
func TestUnserved(t *testing.T) {
	page := apierrors.NewGenericServerResponse(404, "POST", schema.GroupResource{}, "", "404 page not found", 0, true)
	for name, missing := range map[string]error{
		"NoMatch": &meta.NoKindMatchError{GroupKind: schema.GroupKind{Kind: resolutionv1beta1.KindResolutionRequest}},
		"Page":    page,
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t, interceptor.Funcs{
				Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
					return fmt.Errorf("wrapped: %w", missing)
				},
				Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error { return missing },
			})
			for _, start := range []time.Time{{}, epoch()} {
				_, err := p.Fetch(t.Context(), wanted(start), &v1.Task{})
				if !errors.Is(err, resolve.ErrUnresolvable) || !strings.Contains(err.Error(), `"resolutionrequests.resolution.tekton.dev" is missing`) {
					t.Errorf("got %v", err)
				}
			}
		})
	}
}

// TestEndingRunMakesNoRequest: a run that was cancelled or has timed out creates nothing.
func TestEndingRunMakesNoRequest(t *testing.T) {
	p := newPlace(t, interceptor.Funcs{})
	ending := wanted(epoch())
	ending.Run.Ending = true
	if _, err := p.Fetch(t.Context(), ending, &v1.Task{}); err == nil || errors.Is(err, resolve.ErrUnresolvable) {
		t.Errorf("it must wait, got %v", err)
	}
	if p.calls["create"] != 0 {
		t.Errorf("it must create nothing, got %v", p.calls)
	}
}

// TestMemoryIsShared: while others hold the memory, the run waits and reads no answer.
func TestMemoryIsShared(t *testing.T) {
	memory := budget.New(answerRoom)
	p := newPlace(t, interceptor.Funcs{}, func(o *Options) { o.Memory = memory })
	other := memory.Lease()
	if !other.Grow(1) {
		t.Fatal("the memory is empty")
	}
	_, err := p.Fetch(t.Context(), wanted(time.Time{}), &v1.Task{})
	pendingUntil(t, err, epoch().Add(busyPause))
	if len(p.calls) != 0 {
		t.Errorf("want no requests, got %v", p.calls)
	}
	other.End()
	if _, err = p.Fetch(t.Context(), wanted(time.Time{}), &v1.Task{}); err == nil || p.calls["create"] != 1 || memory.Held() != 0 {
		t.Errorf("want the request made and the memory given back, got %v, %v, %d bytes", err, p.calls, memory.Held())
	}
}

// TestSecondDefinitionHasItsOwnTime: a StepAction of a Task that came through a resolver.
func TestSecondDefinitionHasItsOwnTime(t *testing.T) {
	p := newPlace(t, interceptor.Funcs{})
	second := wanted(epoch())
	second.Run = second.Run.Next(&v1.RefSource{})
	p.clock.SetTime(epoch().Add(119 * time.Second))
	_, err := p.Fetch(t.Context(), second, &v1.Task{})
	pendingUntil(t, err, epoch().Add(2*time.Minute))
}
