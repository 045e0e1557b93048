package pipelinerun

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/validation"
)

// nesting checks a run that is a task of another run, before it starts: the number of runs that it is within, and that none of
// them has the same pipeline. A pipeline that a resolver finds can name another one in each run, so that only the runs show it.
func (r *Reconciler) nesting(ctx context.Context, pr *v1.PipelineRun) (*Problem, error) {
	above, err := r.above(ctx, pr)
	if err != nil || len(above) == 0 {
		return nil, err
	}
	return nestingProblem(pr, above), nil
}

// above returns the runs that a run is within, the innermost first, and at most one more than is permitted.
func (r *Reconciler) above(ctx context.Context, pr *v1.PipelineRun) ([]*v1.PipelineRun, error) {
	var above []*v1.PipelineRun
	for at := pr; len(above) <= validation.MaxNesting; at = above[len(above)-1] {
		owner := metav1.GetControllerOf(at)
		if owner == nil || owner.Kind != v1.KindPipelineRun || owner.APIVersion != v1.GroupVersion.String() {
			break
		}
		outer := &v1.PipelineRun{}
		err := r.Client.Get(ctx, types.NamespacedName{Namespace: pr.Namespace, Name: owner.Name}, outer, client.UnsafeDisableDeepCopy)
		if apierrors.IsNotFound(err) || err == nil && outer.UID != owner.UID {
			break // it is deleted, and its children with it
		}
		if err != nil {
			return nil, fmt.Errorf("cannot get PipelineRun %q, the owner of PipelineRun %q: %w", owner.Name, at.Name, err)
		}
		above = append(above, outer)
	}
	return above, nil
}

// nestingProblem returns a problem with the place of a run within others.
func nestingProblem(pr *v1.PipelineRun, above []*v1.PipelineRun) *Problem {
	if len(above) > validation.MaxNesting {
		return &Problem{Reason: v1.PipelineRunReasonValidationFailed, Message: fmt.Sprintf(
			"pipelines are nested in more than %d levels: %s; use fewer levels", validation.MaxNesting, nestingPath(pr, above))}
	}
	own := pipelineKey(pr)
	if own == "" {
		return nil
	}
	i := slices.IndexFunc(above, func(outer *v1.PipelineRun) bool { return pipelineKey(outer) == own })
	if i < 0 {
		return nil
	}
	return &Problem{Reason: v1.PipelineRunReasonInvalidGraph, Message: fmt.Sprintf(
		"the pipeline is within itself: %s; remove one of these references", nestingPath(pr, above[:i+1]))}
}

// pipelineKey identifies the Pipeline that a run refers to; empty if its pipeline is embedded.
func pipelineKey(pr *v1.PipelineRun) string {
	ref := pr.Spec.PipelineRef
	if ref == nil {
		return ""
	}
	encoded, err := json.Marshal(v1.PipelineRef{Name: ref.Name, ResolverRef: ref.ResolverRef})
	if err != nil {
		return "" // it has only texts, which can always be encoded
	}
	return string(encoded)
}

// nestingPath names the pipelines from the outermost run to this one.
func nestingPath(pr *v1.PipelineRun, above []*v1.PipelineRun) string {
	var names []string
	for _, run := range slices.Backward(above) {
		names = append(names, pipelineOf(run))
	}
	return strings.Join(append(names, pipelineOf(pr)), " > ")
}

// pipelineOf names the pipeline of a run.
func pipelineOf(pr *v1.PipelineRun) string {
	switch ref := pr.Spec.PipelineRef; {
	case ref == nil:
		return fmt.Sprintf("pipelineSpec of PipelineRun %q", pr.Name)
	case ref.Name != "":
		return fmt.Sprintf("Pipeline %q", ref.Name)
	default:
		return fmt.Sprintf("the Pipeline that resolver %q finds for PipelineRun %q", ref.Resolver, pr.Name)
	}
}
