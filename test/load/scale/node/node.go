// Package node plays the kubelet for all pods of an API server without nodes. Each pod starts, and ends shortly after with
// success. Its steps report the same results.
package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/internal/results/termination"
)

// Node plays pods.
type Node struct {
	client  kubernetes.Interface
	results []frame.Result
	width   int

	played atomic.Int64
	failed chan error
}

// New returns a Node whose pods report one result, and more, if their task declares them. It handles the given number of pods at
// the same time.
func New(client kubernetes.Interface, result, value string, width int, more ...frame.Result) *Node {
	return &Node{
		client: client, width: width, failed: make(chan error, 1),
		results: append([]frame.Result{{Name: result, Value: []byte(value)}}, more...),
	}
}

// Played returns the number of pods that have ended.
func (n *Node) Played() int64 { return n.played.Load() }

// Run plays the pods of a namespace until ctx ends, or a pod cannot be played.
func (n *Node) Run(ctx context.Context, namespace string) error {
	watched := cache.NewFilteredListWatchFromClient(n.client.CoreV1().RESTClient(), "pods", namespace, func(*metav1.ListOptions) {})
	pods := make(chan *corev1.Pod, 10_000)
	_, informer := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: watched, ObjectType: &corev1.Pod{},
		Handler: cache.ResourceEventHandlerFuncs{AddFunc: func(o any) {
			if p, ok := o.(*corev1.Pod); ok {
				pods <- p
			}
		}},
	})
	var workers sync.WaitGroup
	ctx, stop := context.WithCancel(ctx)
	defer workers.Wait()
	defer stop()
	for range n.width {
		workers.Go(func() { n.work(ctx, pods) })
	}
	go informer.RunWithContext(ctx)
	select {
	case <-ctx.Done():
		return nil
	case err := <-n.failed:
		return err
	}
}

func (n *Node) work(ctx context.Context, pods <-chan *corev1.Pod) {
	for {
		select {
		case <-ctx.Done():
			return
		case p := <-pods:
			if err := n.play(ctx, p); err != nil && ctx.Err() == nil {
				select {
				case n.failed <- err:
				default:
				}
			}
		}
	}
}

// play starts a pod and ends it, with the two writes that a kubelet needs at least.
func (n *Node) play(ctx context.Context, p *corev1.Pod) error {
	start := metav1.Now()
	running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: start}}
	err := n.patch(ctx, p, corev1.PodRunning, start, func(string) (corev1.ContainerState, error) { return running, nil })
	if err != nil {
		return err
	}
	err = n.patch(ctx, p, corev1.PodSucceeded, start, func(container string) (corev1.ContainerState, error) {
		message, err := n.message(container, start.Time)
		return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
			Reason: "Completed", StartedAt: start, FinishedAt: metav1.Now(), Message: message,
		}}, err
	})
	if err == nil {
		n.played.Add(1)
	}
	return err
}

// message returns the termination message of a step.
func (n *Node) message(container string, start time.Time) (string, error) {
	if !strings.HasPrefix(container, "step-") {
		return "", nil
	}
	encoded, err := termination.EncodeMessage(termination.Message{
		Step:    frame.Step{Name: container, StartedAt: start.UTC(), FinishedAt: time.Now().UTC(), Reason: frame.ReasonCompleted},
		Results: n.results,
	}, termination.MaxMessage)
	return string(encoded), err
}

func (n *Node) patch(ctx context.Context, p *corev1.Pod, phase corev1.PodPhase, start metav1.Time,
	state func(container string) (corev1.ContainerState, error)) error {
	status := corev1.PodStatus{Phase: phase, StartTime: &start}
	for i := range p.Spec.Containers {
		container := &p.Spec.Containers[i]
		s, err := state(container.Name)
		if err != nil {
			return err
		}
		status.ContainerStatuses = append(status.ContainerStatuses, corev1.ContainerStatus{
			Name: container.Name, Image: container.Image, ImageID: container.Image, State: s, Started: new(true), Ready: s.Running != nil,
		})
	}
	data, err := json.Marshal(map[string]any{"status": status})
	if err != nil {
		return err
	}
	_, err = n.client.CoreV1().Pods(p.Namespace).Patch(ctx, p.Name, types.MergePatchType, data, metav1.PatchOptions{}, "status")
	if apierrors.IsNotFound(err) || errors.Is(err, context.Canceled) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot play pod %q: %w", p.Name, err)
	}
	return nil
}
