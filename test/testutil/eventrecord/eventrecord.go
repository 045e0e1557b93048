// Package eventrecord reads which CloudEvents about a run have been sent, as the cluster records it.
package eventrecord

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cloudevents/mark"
)

// Mark returns the mark of the installation in a namespace.
func Mark(ctx context.Context, c client.Reader, namespace string) (mark.Mark, error) {
	var cm corev1.ConfigMap
	if err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: mark.Name}, &cm); err != nil {
		return mark.Mark{}, fmt.Errorf("cannot read the mark: %w", err)
	}
	return mark.Parse(cm.Data)
}

// Events returns how many events of a finished run have been sent, by the annotations of its status and the mark. It is an error if one is
// due.
func Events(m mark.Mark, annotations map[string]string) (int, error) {
	text := annotations[v1.AnnotationEvents]
	now := time.Now()
	if due, _ := m.At(now)(text, now); due {
		return 0, fmt.Errorf("events are due: its record is %q, the mark %v", text, m.Data())
	}
	first, _, _ := strings.Cut(text, " ")
	last, err := strconv.Atoi(first)
	if err != nil {
		return 0, fmt.Errorf("its record is %q, want the number of the last event first", text)
	}
	return last, nil
}
