package resolve

import (
	"context"
	"fmt"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
)

// StepAction returns the StepAction of a step's reference, as it is stored, and where a resolver found it. Errors are as those of
// Task.
func (r *Resolver) StepAction(ctx context.Context, run Run, ref *v1.StepRef) (*v1beta1.StepAction, *v1.RefSource, error) {
	action := &v1beta1.StepAction{}
	if ref.Resolver != "" {
		source, err := r.fetch(ctx, v1beta1.KindStepAction, run, &ref.ResolverRef, action)
		return action, source, err
	}
	if ref.Name == "" {
		return nil, nil, fmt.Errorf("%w: ref.name: is empty; give the name of a StepAction", ErrUnresolvable)
	}
	namespace := run.Object.GetNamespace()
	if err := r.get(ctx, namespace, ref.Name, action); err != nil {
		return nil, nil, fmt.Errorf("cannot get StepAction %q of namespace %q: %w", ref.Name, namespace, err)
	}
	return action, nil, nil
}
