package usage

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/sluice-ci/sluice/test/load/bench/metrics"
)

// Place is the location of a controller.
type Place struct {
	// Namespace and name of its Deployment. The first container of its oldest ready pod is measured.
	Namespace, Deployment string
	// Port of its metrics in the pod; 0 if it has none.
	Port int
	// Kubectl is the program that forwards the port, because the port may listen on the pod's loopback address only.
	Kubectl string
}

// Controller is the measured controller.
type Controller struct {
	Place
	// Image that it runs.
	Image string

	pod     corev1.Pod
	process Process
	forward *exec.Cmd
	page    string
}

// Reading holds the resources that a controller has used since it started.
type Reading struct {
	// Processor time in seconds.
	Processor float64
	Memory
	// Calls are its requests to the API server by method.
	Calls map[string]int
}

// Open finds the controller, its process and its metrics. The caller must call Close.
func Open(ctx context.Context, kube kubernetes.Interface, place Place) (*Controller, error) {
	c := &Controller{Place: place}
	pods, err := c.pods(ctx, kube)
	if err != nil {
		return nil, err
	}
	if len(pods) == 0 {
		return nil, fmt.Errorf("cannot measure Deployment %q in namespace %q: it has no ready pod", place.Deployment, place.Namespace)
	}
	c.pod = pods[0]
	status := c.pod.Status.ContainerStatuses[0]
	_, id, _ := strings.Cut(status.ContainerID, "://")
	c.Image = c.pod.Spec.Containers[0].Image
	if c.process, err = Find(id); err != nil {
		return nil, err
	}
	if place.Port != 0 {
		if err := c.forwardPort(ctx); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// pods returns the pods of the Deployment that are ready.
func (c *Controller) pods(ctx context.Context, kube kubernetes.Interface) ([]corev1.Pod, error) {
	deployment, err := kube.AppsV1().Deployments(c.Namespace).Get(ctx, c.Deployment, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("cannot find the controller: %w", err)
	}
	selector := metav1.FormatLabelSelector(deployment.Spec.Selector)
	list, err := kube.CoreV1().Pods(c.Namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return nil, fmt.Errorf("cannot list pods of the controller: %w", err)
	}
	var ready []corev1.Pod
	for _, pod := range list.Items {
		if pod.DeletionTimestamp == nil && isReady(&pod) {
			ready = append(ready, pod)
		}
	}
	return ready, nil
}

func isReady(pod *corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue && len(pod.Status.ContainerStatuses) > 0
		}
	}
	return false
}

// forwardPort lets kubectl forward a free port of this machine, and reads its number from the output.
func (c *Controller) forwardPort(ctx context.Context) error {
	c.forward = exec.CommandContext(ctx, c.Kubectl, "port-forward", "-n", c.Namespace, "pod/"+c.pod.Name, fmt.Sprintf(":%d", c.Port))
	c.forward.Cancel = func() error { return c.forward.Process.Signal(syscall.SIGTERM) }
	out, err := c.forward.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.forward.Start(); err != nil {
		return fmt.Errorf("cannot forward a port: %w", err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return errors.Join(fmt.Errorf("cannot forward port %d of pod %q: %w", c.Port, c.pod.Name, err), c.Close())
	}
	// Forwarding from 127.0.0.1:40000 -> 8080
	fields := strings.Fields(line)
	if len(fields) < 3 {
		return errors.Join(fmt.Errorf("cannot forward port %d of pod %q: the output of kubectl is %q", c.Port, c.pod.Name, line), c.Close())
	}
	c.page = "http://" + fields[2] + "/metrics"
	go io.Copy(io.Discard, out) //nolint:errcheck // further output is not needed
	return nil
}

// Close ends the forwarding.
func (c *Controller) Close() error {
	if c.forward == nil || c.forward.Process == nil {
		return nil
	}
	if err := c.forward.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("cannot stop forwarding: %w", err)
	}
	var exit *exec.ExitError
	if err := c.forward.Wait(); err != nil && !errors.As(err, &exit) {
		return fmt.Errorf("cannot stop forwarding: %w", err)
	}
	c.forward = nil
	return nil
}

// Reset starts a new measurement of peak memory.
func (c *Controller) Reset() error { return c.process.ResetPeak() }

// Read returns the resources used so far.
func (c *Controller) Read(ctx context.Context) (Reading, error) {
	var r Reading
	var err error
	if r.Processor, err = c.process.Processor(); err != nil {
		return r, err
	}
	if r.Memory, err = c.process.Memory(); err != nil {
		return r, err
	}
	r.Calls, err = c.calls(ctx)
	return r, err
}

// calls reads client-go's counter of requests.
func (c *Controller) calls(ctx context.Context) (map[string]int, error) {
	if c.page == "" {
		return nil, nil //nolint:nilnil // without metrics there are no counts
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.page, http.NoBody)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("cannot read metrics of the controller: %w", err)
	}
	defer answer.Body.Close()
	samples, err := metrics.Parse(answer.Body, "rest_client_requests_total")
	if err != nil {
		return nil, err
	}
	return metrics.Counts(samples, func(s metrics.Sample) string { return s.Labels["method"] }), nil
}

// Restart deletes the controller's pods, and returns when another one is ready.
func (c *Controller) Restart(ctx context.Context, kube kubernetes.Interface) (*Controller, error) {
	if err := c.Close(); err != nil {
		return nil, err
	}
	old, err := c.pods(ctx, kube)
	if err != nil {
		return nil, err
	}
	for _, pod := range old {
		if err := kube.CoreV1().Pods(c.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{}); err != nil {
			return nil, fmt.Errorf("cannot restart the controller: %w", err)
		}
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		now, err := c.pods(ctx, kube)
		if err != nil {
			return nil, err
		}
		if len(now) >= len(old) {
			return Open(ctx, kube, c.Place)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("the controller did not become ready again: %w", ctx.Err())
		case <-tick.C:
		}
	}
}
