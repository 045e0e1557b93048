package serve

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	resolutionv1beta1 "github.com/sluice-ci/sluice/api/resolution/v1beta1"
	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/resolvers"
)

// shared is a resolver whose requests all have the same definition.
type shared struct{ content string }

func (shared) Type() string { return "git" }

func (shared) Params() []string { return nil }

func (s shared) Prepare(context.Context, *resolvers.Request) (*resolvers.Plan, error) {
	return &resolvers.Plan{Key: "commit", Immutable: true, Fetch: func(context.Context) (*resolvers.Resource, error) {
		return &resolvers.Resource{Content: []byte(s.content)}, nil
	}}, nil
}

// TestLargeAnswersAreWrittenInTurn: many requests for one large definition have its copies for two writes of a namespace at
// most, and a namespace with small definitions does not wait for them.
func TestLargeAnswersAreWrittenInTurn(t *testing.T) {
	const requests = 20
	for name, tc := range map[string]struct {
		reason  string
		content string
		want    int64
	}{
		"Large": {
			reason:  "Two of the largest definitions fit in the share of a namespace.",
			content: definition + "# " + strings.Repeat("x", resolvers.MaxContent-len(definition)-2),
			want:    2,
		},
		"Small": {
			reason:  "Small definitions are written at once.",
			content: definition,
			want:    requests,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var objects []client.Object
				for i := range requests {
					objects = append(objects, requestOf("a", fmt.Sprintf("request-%d", i)))
				}
				var writing, most atomic.Int64
				b := newBench(t, shared{content: tc.content}, nil, func(_ *bench, _ client.Object) error {
					for n := writing.Add(1); ; {
						seen := most.Load()
						if n <= seen || most.CompareAndSwap(seen, n) {
							break
						}
					}
					<-time.After(time.Second) // all that may write are writing now
					writing.Add(-1)
					return nil
				}, objects...)
				for _, o := range objects {
					if _, err := b.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(o)}); err != nil {
						t.Fatal(err)
					}
				}
				b.work.Wait()
				if most.Load() != tc.want {
					t.Errorf("%s\nwant at most %d answers to be written at the same time, got %d", tc.reason, tc.want, most.Load())
				}
				for _, o := range objects {
					request := &resolutionv1beta1.ResolutionRequest{}
					if err := b.client.Get(t.Context(), client.ObjectKeyFromObject(o), request); err != nil ||
						request.Succeeded().Status != metav1.ConditionTrue {
						t.Errorf("want each request answered, got %v, %v", request.Succeeded(), err)
					}
				}
				if held := b.writes.Held(); held != 0 {
					t.Errorf("want all memory to be returned, got %d bytes", held)
				}
			})
		})
	}
}

// counter counts the answers of each reason.
type counter map[string]int

func (c counter) Answered(_, reason string, _ time.Duration) { c[reason]++ }

// TestAnswerThatTheWatchShowsFirst: the watch can show an answer, or that the request is gone, before the API server has responded
// to the write. The write continues, so that the answer is counted, and the log has no error that nothing is wrong with.
func TestAnswerThatTheWatchShowsFirst(t *testing.T) {
	down := errors.New("connection reset")
	for name, tc := range map[string]struct {
		reason string
		// gone deletes the request, and response is that of the API server.
		gone     bool
		response error
		// ended ends the program while it writes.
		ended bool
		want  counter
		logs  int
	}{
		"Response": {
			reason: "The answer is written.",
			want:   counter{"ResolutionSuccessful": 1},
		},
		"NoResponse": {
			reason:   "The request has an answer, so that there is nothing left to do.",
			response: down,
			want:     counter{},
		},
		"Gone": {
			reason:   "Nothing reads the answer.",
			gone:     true,
			response: down,
			want:     counter{},
		},
		"End": {
			reason:   "An answer that may be lost is an error.",
			response: down,
			ended:    true,
			want:     counter{},
			logs:     1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				request, counted, logged := requestOf("a", "one"), counter{}, 0
				b := newBench(t, &script{}, nil, nil, request)
				b.d.Meter = counted
				b.d.Log = funcr.New(func(_, line string) {
					if strings.Contains(line, "cannot write answer") {
						logged++
					}
				}, funcr.Options{})
				b.written = func(ctx context.Context, o client.Object) error {
					if tc.gone {
						if err := b.client.Delete(ctx, o); err != nil {
							return err
						}
					}
					if tc.ended {
						b.stop()
					} else if _, err := b.Reconcile(ctx, ctrl.Request{NamespacedName: client.ObjectKeyFromObject(o)}); err != nil {
						return err
					}
					return errors.Join(ctx.Err(), tc.response)
				}
				b.reconcile(t, request)
				if diff := cmp.Diff(tc.want, counted); diff != "" || logged != tc.logs || b.updates != 1 {
					t.Errorf("%s\nwant one write and %d errors in the log, got %d and %d; answers: %s", tc.reason, tc.logs, b.updates, logged, diff)
				}
			})
		})
	}
}

func requestOf(namespace, name string, params ...v1.Param) *resolutionv1beta1.ResolutionRequest {
	return &resolutionv1beta1.ResolutionRequest{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name, UID: types.UID(name), Labels: map[string]string{resolutionv1beta1.LabelType: "git"},
		},
		Spec: resolutionv1beta1.ResolutionRequestSpec{Params: params},
	}
}
