// Package resolved prepares the row of the benchmark whose Task comes through the resolvers: a bundle in localkube's registry.
package resolved

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/resolvers/bundles"
	"github.com/sluice-ci/sluice/test/testutil/kube"
)

const (
	namespace = "tekton-pipelines-resolvers"
	program   = "sluice-resolvers"
	task      = "measured"
	patience  = 2 * time.Minute
)

// Registries returns the addresses of localkube's registry: for this machine, and for pods. They are empty on other clusters.
func Registries() (here, pods string) {
	here, _, _ = strings.Cut(os.Getenv("KO_DOCKER_REPO"), "/")
	return here, os.Getenv("SLUICE_REGISTRY_OF_PODS")
}

// Prepare pushes the Task as a bundle, and permits the resolvers to read from the registry. It returns the reference to the Task
// by digest, and a function that restores the resolvers.
func Prepare(ctx context.Context, c *kube.Cluster, spec v1.TaskSpec) (*v1.TaskRef, func() error, error) {
	here, pods := Registries()
	digest, err := push(ctx, here, spec)
	if err != nil {
		return nil, nil, err
	}
	restore, err := permit(ctx, c, pods)
	if err != nil {
		return nil, nil, err
	}
	param := func(name, value string) v1.Param { return v1.Param{Name: name, Value: v1.StringValue(value)} }
	return &v1.TaskRef{ResolverRef: v1.ResolverRef{Resolver: bundles.Type, Params: []v1.Param{
		param("bundle", pods+"/bench/catalog@"+digest), param("kind", "task"), param("name", task),
	}}}, restore, nil
}

func push(ctx context.Context, registry string, spec v1.TaskSpec) (string, error) {
	text, err := json.Marshal(&v1.Task{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1.GroupVersion.String(), Kind: v1.KindTask},
		ObjectMeta: metav1.ObjectMeta{Name: task}, Spec: spec,
	})
	if err != nil {
		return "", fmt.Errorf("cannot encode the Task: %w", err)
	}
	entry := bundles.Entry{Kind: "task", Name: task, APIVersion: v1.GroupVersion.String()}
	image, err := bundles.Image([]bundles.Definition{{Entry: entry, Content: text}})
	if err != nil {
		return "", err
	}
	reference, err := name.ParseReference(registry+"/bench/catalog:v1", name.Insecure)
	if err != nil {
		return "", fmt.Errorf("cannot name the bundle: %w", err)
	}
	if err := remote.Write(reference, image, remote.WithContext(ctx)); err != nil {
		return "", fmt.Errorf("cannot push the bundle: %w", err)
	}
	digest, err := image.Digest()
	return digest.String(), err
}

// permit permits the resolvers to read from a registry without TLS, and waits until they do.
func permit(ctx context.Context, c *kube.Cluster, registry string) (func() error, error) {
	var before []string
	change := func(ctx context.Context, args func([]string) []string) error {
		d := &appsv1.Deployment{}
		if err := c.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: program}, d); err != nil {
			return fmt.Errorf("cannot get Deployment %q: %w", program, err)
		}
		container := &d.Spec.Template.Spec.Containers[0]
		before, container.Args = container.Args, args(container.Args)
		if err := c.Client.Update(ctx, d); err != nil {
			return fmt.Errorf("cannot change Deployment %q: %w", program, err)
		}
		return settled(ctx, c)
	}
	err := change(ctx, func(args []string) []string {
		return append(append([]string{}, args...), "--insecure-host="+registry)
	})
	if err != nil {
		return nil, err
	}
	kept := before
	return func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		return change(ctx, func([]string) []string { return kept })
	}, nil
}

var errGone = errors.New("it has no replicas")

// settled waits until the new pods of the resolvers run, and no other ones.
func settled(ctx context.Context, c *kube.Cluster) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	d := &appsv1.Deployment{}
	return kube.Poll(ctx, func(ctx context.Context) (bool, error) {
		if err := c.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: program}, d); err != nil {
			return false, fmt.Errorf("cannot get Deployment %q: %w", program, err)
		}
		if d.Spec.Replicas == nil || *d.Spec.Replicas == 0 {
			return false, errGone
		}
		s := d.Status
		return s.ObservedGeneration >= d.Generation && s.UpdatedReplicas == *d.Spec.Replicas && s.Replicas == *d.Spec.Replicas &&
			s.ReadyReplicas == *d.Spec.Replicas, nil
	})
}
