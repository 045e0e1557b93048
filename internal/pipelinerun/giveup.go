package pipelinerun

import (
	"cmp"
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
)

// cancelUnfinished cancels the children of a run that is given up. It lists them from the API server, because the status may
// not have all of them.
func (r *Reconciler) cancelUnfinished(ctx context.Context, pr *v1.PipelineRun) error {
	unfinished, err := r.unfinished(ctx, pr)
	if err != nil {
		return err
	}
	return r.cancelChildren(ctx, unfinished)
}

// unfinished returns the children of a run that have not ended.
func (r *Reconciler) unfinished(ctx context.Context, pr *v1.PipelineRun) ([]cancellation, error) {
	byTask, err := r.owned(ctx, pr, kindsIn(cmp.Or(pr.Status.PipelineSpec, pr.Spec.PipelineSpec)))
	if err != nil {
		return nil, err
	}
	var all []cancellation
	find := r.finder(ctx, pr)
	for _, references := range byTask {
		for _, ref := range references {
			found, err := find(ref)
			if err != nil {
				return nil, err
			}
			if found.stoppable(givenUp()) {
				all = append(all, cancellation{found.Run, givenUp()})
			}
		}
	}
	return all, nil
}

// cancelUnrecorded cancels the children of a run that has recorded none. It reads from the cache: most such runs have
// none, and a request for each of them would let a tenant send invalid runs to load the API server.
func (r *Reconciler) cancelUnrecorded(ctx context.Context, pr *v1.PipelineRun) error {
	options := []client.ListOption{
		client.InNamespace(pr.Namespace), client.MatchingLabels{v1.LabelPipelineRunUID: string(pr.UID)}, client.UnsafeDisableDeepCopy,
	}
	taskRunList, pipelineRunList, customRunList := &v1.TaskRunList{}, &v1.PipelineRunList{}, &v1beta1.CustomRunList{}
	for _, list := range []client.ObjectList{taskRunList, pipelineRunList, customRunList} {
		err := r.Client.List(ctx, list, options...)
		if err != nil && !meta.IsNoMatchError(err) { // the cluster need not have CustomRuns
			return fmt.Errorf("cannot list the children of PipelineRun %q: %w", pr.Name, err)
		}
	}
	var found []Run
	for i := range taskRunList.Items {
		found = append(found, taskRun{&taskRunList.Items[i]})
	}
	for i := range pipelineRunList.Items {
		found = append(found, pipelineRun{&pipelineRunList.Items[i]})
	}
	for i := range customRunList.Items {
		found = append(found, customRun{&customRunList.Items[i]})
	}
	var all []cancellation
	for _, child := range found {
		if c := (Child{Run: child}); metav1.IsControlledBy(child, pr) && c.stoppable(givenUp()) {
			all = append(all, cancellation{child, givenUp()})
		}
	}
	return r.cancelChildren(ctx, all)
}
