package disturb

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/machine"
)

const (
	// logBinding grants the controller the permission to read logs (config/enable-log-access-to-controller).
	logBinding = "sluice-controller-pod-log-access"
	// webhookService is the Service of the webhooks. nowhere is a port on which no process listens.
	webhookService = "sluice-webhook"
	nowhere        = 1
)

// denyLogs removes the permission to read logs. A log stream that is open continues, so every second time the API server is
// restarted, too, which closes all streams.
func (s *scene) denyLogs(ctx context.Context) error {
	bindings := s.cluster.Kube.RbacV1().ClusterRoleBindings()
	binding, err := bindings.Get(ctx, logBinding, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("cannot read the role binding for logs (is config/enable-log-access-to-controller applied?): %w", err)
	}
	again := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: binding.Name, Labels: binding.Labels, Annotations: binding.Annotations},
		Subjects:   binding.Subjects, RoleRef: binding.RoleRef,
	}
	s.later(func(ctx context.Context) error {
		err := kube.Create(ctx, s.cluster.Client, again)
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
		return s.cluster.AwaitLogAccess(ctx, s.somewhere(), true)
	})
	if err := bindings.Delete(ctx, logBinding, metav1.DeleteOptions{}); err != nil {
		return fmt.Errorf("cannot remove the permission to read logs: %w", err)
	}
	s.note = "for " + s.For.String()
	if s.odd() {
		s.note += ", and closed the open log streams"
		s.later(func(ctx context.Context) error {
			return bringBack(ctx, func(ctx context.Context) error { return s.machine.Inflict(ctx, machine.Start, machine.APIServer) })
		})
		if err := s.machine.Inflict(ctx, machine.Restart, machine.APIServer); err != nil {
			return err
		}
	}
	return s.cluster.AwaitLogAccess(ctx, s.somewhere(), false)
}

// somewhere is a namespace for which the permission to read logs is checked.
func (d *Disturber) somewhere() string { return cmp.Or(d.namespace, metav1.NamespaceDefault) }

// removeWebhook points the Service of the webhooks to a port without a listener. It returns when the API server refuses
// requests because of the missing webhook.
func (s *scene) removeWebhook(ctx context.Context) error {
	service := &corev1.Service{}
	if err := s.cluster.Client.Get(ctx, client.ObjectKey{Namespace: kube.Installation, Name: webhookService}, service); err != nil {
		return fmt.Errorf("cannot read Service %q: %w", webhookService, err)
	}
	before := service.Spec.Ports[0].TargetPort
	s.note = "for " + s.For.String()
	s.later(func(ctx context.Context) error { return s.leadWebhooks(ctx, before) })
	if err := s.leadWebhooks(ctx, intstr.FromInt32(nowhere)); err != nil {
		return err
	}
	n, err := s.network(ctx)
	if err != nil {
		return err
	}
	defer n.Close()
	return kube.Poll(ctx, func(ctx context.Context) (bool, error) {
		// A change of a Service affects new connections only.
		if _, err := n.end(ctx, "sport = "+webhookPort); err != nil {
			return false, err
		}
		run := &v1.TaskRun{Spec: v1.TaskRunSpec{TaskSpec: &v1.TaskSpec{Steps: []v1.Step{kube.Script("none", "true")}}}}
		run.Namespace, run.GenerateName = kube.Installation, "never-"
		err := s.cluster.Client.Create(ctx, run, client.DryRunAll)
		if _, answered := errors.AsType[*apierrors.StatusError](err); err != nil && !answered {
			return false, err
		}
		return err != nil, nil
	})
}

// leadWebhooks points the Service of the webhooks to a port of the controller's pods.
func (d *Disturber) leadWebhooks(ctx context.Context, port intstr.IntOrString) error {
	service := &corev1.Service{}
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		if err := d.cluster.Client.Get(ctx, client.ObjectKey{Namespace: kube.Installation, Name: webhookService}, service); err != nil {
			return err
		}
		service.Spec.Ports[0].TargetPort = port
		return d.cluster.Client.Update(ctx, service)
	})
	if err != nil {
		return fmt.Errorf("cannot point Service %q to port %s: %w", webhookService, port.String(), err)
	}
	return nil
}
