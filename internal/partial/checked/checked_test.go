package checked_test

import (
	"context"
	"testing"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/partial/checked"
)

// costly is a patch that counts how often it is computed.
type costly struct{ computed int }

func (*costly) Type() types.PatchType { return types.MergePatchType }

func (c *costly) Data(client.Object) ([]byte, error) {
	c.computed++
	return []byte(`{"spec":{}}`), nil
}

// TestPatchIsComputedOnce: a check of the patch of a large object does not encode the object again. What is sent is what was checked.
// The writes of each kind of object are in the tests of cmd/controller, which has the caches.
func TestPatchIsComputedOnce(t *testing.T) {
	patch := &costly{}
	sent := func(o client.Object, p client.Patch) error {
		data, err := p.Data(o)
		if string(data) != `{"spec":{}}` || p.Type() != types.MergePatchType {
			t.Errorf("want the patch sent, got %s %s", p.Type(), data)
		}
		return err
	}
	c := checked.New(interceptor.NewClient(fake.NewClientBuilder().Build(), interceptor.Funcs{
		Patch: func(_ context.Context, _ client.WithWatch, o client.Object, p client.Patch, _ ...client.PatchOption) error {
			return sent(o, p)
		},
		SubResourcePatch: func(_ context.Context, _ client.Client, _ string, o client.Object, p client.Patch,
			_ ...client.SubResourcePatchOption) error {
			return sent(o, p)
		},
	}))
	if err := c.Patch(t.Context(), &v1.TaskRun{}, patch); err != nil || patch.computed != 1 {
		t.Errorf("want it computed once, got %d, %v", patch.computed, err)
	}
	if err := c.Status().Patch(t.Context(), &v1.TaskRun{}, patch); err != nil || patch.computed != 2 {
		t.Errorf("want it computed once for each write, got %d, %v", patch.computed, err)
	}
}
