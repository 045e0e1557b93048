package disturb

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"

	"github.com/sluice-ci/sluice/test/testutil/machine"
)

// anyNode returns the one of the nodes that the plan chooses. The lowest bit of Draw has another meaning; see odd.
func (s *scene) anyNode(nodes []string) string { return nodes[s.Draw/2%uint64(len(nodes))] }

// drainNode does what `kubectl drain` does with a node, for the pods of runs.
func (s *scene) drainNode(ctx context.Context) error {
	node := s.anyNode(s.nodes)
	s.later(func(ctx context.Context) error { return s.closeNode(ctx, node, false) })
	if err := s.closeNode(ctx, node, true); err != nil {
		return err
	}
	pods, err := s.podsOn(ctx, node)
	if err != nil {
		return err
	}
	s.note = fmt.Sprintf("evicted %d pods of node %s", len(pods), node)
	for i := range pods {
		if err := s.remove(ctx, &pods[i], 2, s.cluster.Evict); err != nil {
			return err
		}
	}
	return nil
}

// closeNode cordons or uncordons a node.
func (d *Disturber) closeNode(ctx context.Context, name string, closed bool) error {
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		node, err := d.cluster.Kube.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		node.Spec.Unschedulable = closed
		_, err = d.cluster.Kube.CoreV1().Nodes().Update(ctx, node, metav1.UpdateOptions{})
		return err
	})
	if err != nil {
		return fmt.Errorf("cannot cordon or uncordon node %q: %w", name, err)
	}
	return nil
}

// separateNode drops every packet between a node and the control plane.
func (s *scene) separateNode(ctx context.Context) error {
	node := s.anyNode(s.nodes[1:])
	s.note = fmt.Sprintf("node %s for %s", node, s.For)
	s.later(func(ctx context.Context) error {
		return bringBack(ctx, func(ctx context.Context) error { return s.machine.InflictNode(ctx, machine.Heal, node) })
	})
	return s.machine.InflictNode(ctx, machine.Partition, node)
}

// cutPower ends all processes of a node. The pods of runs that are on it are hit. A pod that comes to the node afterwards waits
// until the node is back.
func (s *scene) cutPower(ctx context.Context) error {
	node := s.anyNode(s.nodes[1:])
	s.later(func(ctx context.Context) error {
		return bringBack(ctx, func(ctx context.Context) error { return s.machine.InflictNode(ctx, machine.Start, node) })
	})
	if err := s.machine.InflictNode(ctx, machine.Stop, node); err != nil {
		return err
	}
	pods, err := s.podsOn(ctx, node)
	for i := range pods {
		s.hit = append(s.hit, pods[i].Namespace+"/"+pods[i].Name)
	}
	s.note = fmt.Sprintf("node %s with %d pods, for %s", node, len(pods), s.For)
	return err
}

// podsOn returns the pods of runs on a node that have neither ended nor been deleted.
func (d *Disturber) podsOn(ctx context.Context, node string) ([]corev1.Pod, error) {
	pods, err := d.podsOfRuns(ctx)
	return slices.DeleteFunc(pods, func(p corev1.Pod) bool { return p.Spec.NodeName != node }), err
}
