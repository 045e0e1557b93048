package resolve

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	resolutionv1beta1 "github.com/sluice-ci/sluice/api/resolution/v1beta1"
	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/resolvers"
)

// secrets reads Secrets of the user's namespace.
type secrets struct{ source cluster.Source }

// Secret implements resolvers.Secrets.
func (s *secrets) Secret(ctx context.Context, name string) (*corev1.Secret, error) {
	secret := &corev1.Secret{}
	return secret, s.get(ctx, "Secret", name, secret)
}

// ServiceAccount implements resolvers.Secrets.
func (s *secrets) ServiceAccount(ctx context.Context, name string) (*corev1.ServiceAccount, error) {
	account := &corev1.ServiceAccount{}
	return account, s.get(ctx, "ServiceAccount", name, account)
}

func (s *secrets) get(ctx context.Context, kind, name string, into client.Object) error {
	c, err := s.source.Connect()
	if err == nil {
		err = c.Client.Get(ctx, client.ObjectKey{Namespace: c.Namespace, Name: name}, into)
	}
	if err != nil {
		return resolvers.Failed(err, "cannot read %s %q: %v", kind, name, err)
	}
	return nil
}

// inCluster lets the resolvers of the cluster fetch the definition.
func (o *Options) inCluster(ctx context.Context, params []v1.Param) (answer *resolvers.Resource, err error) {
	c, err := o.Source.Connect()
	if err != nil {
		return nil, clierror.Hint(err, "without a cluster only the resolvers git and bundles can be used")
	}
	request := &resolutionv1beta1.ResolutionRequest{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: c.Namespace, GenerateName: "sluice-resolve-", Labels: map[string]string{resolutionv1beta1.LabelType: o.Resolver},
		},
		Spec: resolutionv1beta1.ResolutionRequestSpec{Params: params},
	}
	if err := c.Client.Create(ctx, request); err != nil {
		return nil, fmt.Errorf("cannot create a ResolutionRequest in namespace %q: %w", c.Namespace, err)
	}
	defer func() {
		// The request must not stay when the command is interrupted.
		deleted := c.Client.Delete(context.WithoutCancel(ctx), request)
		if client.IgnoreNotFound(deleted) != nil {
			err = errors.Join(err, fmt.Errorf("cannot delete ResolutionRequest %q: %w", request.Name, deleted))
		}
	}()
	err = wait.PollUntilContextCancel(ctx, poll, true, func(ctx context.Context) (bool, error) {
		err := c.Client.Get(ctx, client.ObjectKeyFromObject(request), request)
		return err == nil && request.Done(), err
	})
	if err != nil && !request.Done() {
		return nil, clierror.Hint(fmt.Errorf("cannot get an answer from resolver %q: %w", o.Resolver, err),
			"sluice doctor checks whether the resolvers of the cluster are ready")
	}
	return read(request)
}

// poll is the time between two looks at the request.
const poll = 500 * time.Millisecond

// read returns the answer of a request.
func read(request *resolutionv1beta1.ResolutionRequest) (*resolvers.Resource, error) {
	for _, condition := range request.Status.Conditions {
		if condition.Type == v1.ConditionSucceeded && condition.Status != metav1.ConditionTrue {
			return nil, clierror.New(fmt.Sprintf("cannot resolve the reference: %s: %s", condition.Reason, condition.Message))
		}
	}
	content, err := base64.StdEncoding.DecodeString(request.Status.Data)
	if err != nil {
		return nil, fmt.Errorf("cannot read the answer in ResolutionRequest %q: its data is not base64: %w", request.Name, err)
	}
	answer := &resolvers.Resource{Content: content}
	if request.Status.RefSource != nil {
		answer.Source = *request.Status.RefSource
	}
	return answer, nil
}
