package serve

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

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

func requestOf(namespace, name string, params ...v1.Param) *resolutionv1beta1.ResolutionRequest {
	return &resolutionv1beta1.ResolutionRequest{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name, UID: types.UID(name), Labels: map[string]string{resolutionv1beta1.LabelType: "git"},
		},
		Spec: resolutionv1beta1.ResolutionRequestSpec{Params: params},
	}
}
