// Package timelines computes the timelines of runs for commands and for the page.
package timelines

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/runs"
	"github.com/sluice-ci/sluice/internal/timeline"
)

// Read returns the timeline of a run, with the phases of its pods. A user who may not list pods gets it without them.
func Read(ctx context.Context, c *cluster.Cluster, s runs.Snapshot, now time.Time) (timeline.Span, error) {
	pods := timeline.Pods{}
	for _, nested := range s.All() {
		r := nested.Snapshot.Run
		label := v1.LabelPipelineRun
		if r.TaskRun != nil {
			label = v1.LabelTaskRun
		}
		var list corev1.PodList
		err := c.Client.List(ctx, &list, client.InNamespace(r.Namespace()), client.MatchingLabels{label: r.Name()})
		if apierrors.IsForbidden(err) {
			break
		}
		if err != nil {
			return timeline.Span{}, fmt.Errorf("cannot list the pods of %s %q: %w", r.Kind(), r.Name(), err)
		}
		for i := range list.Items {
			pods[list.Items[i].Name] = &list.Items[i]
		}
	}
	return Of(s, pods, now), nil
}

// Of returns the timeline of a run with these pods.
func Of(s runs.Snapshot, pods timeline.Pods, now time.Time) timeline.Span {
	if s.Run.TaskRun != nil {
		return timeline.OfTaskRun(s.Run.TaskRun, pods, now)
	}
	return timeline.OfPipelineRun(s.Run.PipelineRun, childrenOf(s, pods, now), now)
}

// childrenOf returns the children of a PipelineRun, those of one task in order.
func childrenOf(s runs.Snapshot, pods timeline.Pods, now time.Time) []timeline.Child {
	var children []timeline.Child
	for _, tr := range s.Tasks {
		children = append(children, timeline.Child{Task: tr.Labels[v1.LabelPipelineTask], Span: timeline.OfTaskRun(tr, pods, now)})
	}
	for i := range s.Others {
		switch child := &s.Others[i]; {
		case child.Within != nil:
			children = append(children, timeline.Child{Task: child.Task, Span: Of(*child.Within, pods, now)})
		case child.CustomRun != nil:
			children = append(children, timeline.Child{Task: child.Task, Span: timeline.OfCustomRun(child.CustomRun, now)})
		}
	}
	return children
}
