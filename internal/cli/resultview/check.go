package resultview

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/internal/transport"
)

// stream has the results from the results sidecar of the pod of a TaskRun, as the steps wrote them.
type stream struct {
	whole []frame.Result
	// unknown says why there are no results to compare with; empty if there are.
	unknown string
}

// Checker compares values with the results that their steps wrote. It reads the log of each pod once.
type Checker struct {
	cluster *cluster.Cluster
	streams map[string]stream
}

// NewChecker returns a Checker for the runs of c.
func NewChecker(c *cluster.Cluster) *Checker {
	return &Checker{cluster: c, streams: map[string]stream{}}
}

// Check reads the results stream of the pod of each result, and reports whether the result is what the step wrote. If the log is
// unavailable, the result is Unknown, with the reason. That is not an error.
func (k *Checker) Check(ctx context.Context, all []Result) []Result {
	checked := slices.Clone(all)
	for i := range checked {
		r := &checked[i]
		if r.from == nil {
			r.Check = Check{Unknown, "the pipeline computes it from other values"}
			continue
		}
		key := r.from.Namespace + "/" + r.from.Name
		s, ok := k.streams[key]
		if !ok {
			s = k.read(ctx, r.from)
			k.streams[key] = s
		}
		r.Check, r.written = compare(*r, s)
	}
	return checked
}

// compare decides whether r equals the result in the stream.
func compare(r Result, s stream) (Check, []byte) {
	if s.unknown != "" {
		return Check{Unknown, s.unknown}, nil
	}
	sent, raw, ok := sentAs(r, s.whole)
	switch {
	case !ok:
		return Check{Unknown, "the log of the results sidecar does not contain it"}, nil
	case !sent.Equal(r.value):
		return Check{Different, "the results stream of the step has another value"}, raw
	default:
		return Check{Outcome: Verified, Detail: "it matches the digest that was sent with it"}, raw
	}
}

// sentAs finds a result of a TaskRun in its stream. It returns the value, and the bytes if it was sent under its name.
func sentAs(r Result, whole []frame.Result) (sent v1.Value, raw []byte, ok bool) {
	spec := r.from.Status.TaskSpec
	if spec == nil {
		spec = r.from.Spec.TaskSpec
	}
	i := slices.IndexFunc(whole, func(f frame.Result) bool { return f.Name == r.original })
	if i >= 0 {
		raw = whole[i].Value
	}
	if spec != nil {
		spec = spec.DeepCopy()
		for _, assembled := range transport.Decode(spec, whole).Task {
			if assembled.Name == r.original {
				return assembled.Value, raw, true
			}
		}
		return v1.Value{}, nil, false
	}
	if i < 0 || r.Type != v1.TypeString {
		return v1.Value{}, nil, false
	}
	return v1.StringValue(string(raw)), raw, true
}

// read reads the results stream of the last attempt of the TaskRun.
func (k *Checker) read(ctx context.Context, tr *v1.TaskRun) stream {
	if tr.Status.PodName == "" {
		return stream{unknown: "the status of the run has no pod"}
	}
	pods := k.cluster.Kube.CoreV1().Pods(tr.Namespace)
	p, err := pods.Get(ctx, tr.Status.PodName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return stream{unknown: "the pod with the digest does not exist any more"}
	}
	if err != nil {
		return stream{unknown: "cannot read the pod: " + err.Error()}
	}
	nonce, ok := nonceOf(p)
	if !ok {
		return stream{unknown: "the results came in termination messages, which have no digests"}
	}
	log, err := pods.GetLogs(p.Name, &corev1.PodLogOptions{Container: podpaths.ResultsContainer}).Stream(ctx)
	if err != nil {
		return stream{unknown: "cannot read the log of the results sidecar: " + err.Error()}
	}
	defer log.Close()
	whole, err := readStream(log, nonce)
	if err != nil {
		return stream{unknown: err.Error()}
	}
	return stream{whole: whole}
}

// nonceOf returns the nonce of the results sidecar of a pod.
func nonceOf(p *corev1.Pod) (string, bool) {
	for _, c := range p.Spec.Containers {
		if c.Name != podpaths.ResultsContainer {
			continue
		}
		if j := slices.Index(c.Args, "-nonce"); j >= 0 && j+1 < len(c.Args) {
			return c.Args[j+1], true
		}
	}
	return "", false
}

// readStream reads the results of a complete stream. The reader verifies the digest of each.
func readStream(log io.Reader, nonce string) ([]frame.Result, error) {
	reader := frame.NewReader(log, nonce, frame.Limits{})
	var whole []frame.Result
	for {
		record, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return whole, nil
		}
		if err != nil {
			return nil, fmt.Errorf("cannot use the log of the results sidecar: %w", err)
		}
		if r, ok := record.(frame.Result); ok {
			whole = append(whole, r)
		}
	}
}
