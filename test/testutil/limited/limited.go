// Package limited is an API server in memory that stores no object of more than 1.5 MiB.
package limited

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/results"
)

// Server takes patches of statuses of runs R. It counts the managed fields of a run, and rejects a status with which the run
// would be larger than results.ObjectLimit.
type Server[R client.Object] struct {
	// New returns an empty run.
	New func() R
	// Managed is the size of the managed fields of each run, in bytes.
	Managed int
	// Refusals is how many patches are still answered with Cause, whatever they change.
	Refusals int
	Cause    error
	// Writes counts the patches, and Largest is the size of the largest run that was stored, in bytes.
	Writes, Largest int
}

// Fields returns the managed fields of a run.
func (s *Server[R]) Fields() []metav1.ManagedFieldsEntry {
	if s.Managed == 0 {
		return nil
	}
	raw := fmt.Appendf(nil, `{"f:spec":{%q:{}}}`, strings.Repeat("x", s.Managed))
	return []metav1.ManagedFieldsEntry{{Manager: "kubectl", Operation: "Update", FieldsV1: metav1.NewFieldsV1(string(raw))}}
}

// Patch is the function SubResourcePatch of an interceptor. A patch that replaces the managed fields sets Managed to 0.
func (s *Server[R]) Patch(ctx context.Context, under client.Client, sub string, o client.Object, change client.Patch,
	opts ...client.SubResourcePatchOption) error {
	s.Writes++
	if s.Refusals > 0 {
		s.Refusals--
		return s.Cause
	}
	data, err := change.Data(o)
	if err != nil {
		return fmt.Errorf("cannot encode the patch: %w", err)
	}
	before := s.New()
	if err := under.Get(ctx, client.ObjectKeyFromObject(o), before); err != nil {
		return fmt.Errorf("cannot get the run: %w", err)
	}
	before.SetManagedFields(s.Fields())
	whole, reset, err := patched(before, data)
	if err != nil {
		return err
	}
	if len(whole) > results.ObjectLimit {
		return apierrors.NewInternalError(errors.New("etcdserver: request is too large"))
	}
	s.Largest = max(s.Largest, len(whole))
	if reset != nil {
		s.Managed, change = 0, client.RawPatch(types.JSONPatchType, reset)
	}
	return under.SubResource(sub).Patch(ctx, o, change, opts...)
}

// patched returns an object as it is after a patch, and the patch without what resets the managed fields, if it does. The
// client in memory cannot reset them.
func patched(before client.Object, data []byte) (whole, reset []byte, err error) {
	raw, err := json.Marshal(before)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot encode the run: %w", err)
	}
	change, err := jsonpatch.DecodePatch(data)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot decode the patch: %w", err)
	}
	if whole, err = change.Apply(raw); err != nil {
		return nil, nil, fmt.Errorf("cannot apply the patch: %w", err)
	}
	rest := slices.DeleteFunc(slices.Clone(change), func(o jsonpatch.Operation) bool {
		path, err := o.Path()
		return err == nil && path == "/metadata/managedFields"
	})
	if len(rest) == len(change) {
		return whole, nil, nil
	}
	if reset, err = json.Marshal(rest); err != nil {
		return nil, nil, fmt.Errorf("cannot encode the rest of the patch: %w", err)
	}
	return whole, reset, nil
}

// Invalid is the answer 422 of an API server to a status of a run of this kind.
func Invalid(kind, name string) error {
	return apierrors.NewInvalid(schema.GroupKind{Group: v1.GroupName, Kind: kind}, name, nil)
}
