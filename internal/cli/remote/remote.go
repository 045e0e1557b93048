// Package remote lets the resolvers of the cluster fetch the definitions of references, for commands.
package remote

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	resolutionv1beta1 "github.com/sluice-ci/sluice/api/resolution/v1beta1"
	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/resolvers"
)

// resolverCluster is the resolver for objects of the cluster.
const resolverCluster = "cluster"

const (
	// Timeout is the time for one definition that commands without a flag for it use: that of runs, by default.
	Timeout = time.Minute
	// poll is the time between two looks at a request.
	poll = 500 * time.Millisecond
	// deletion is the maximum time for deleting a request, also after an interrupt.
	deletion = 10 * time.Second
)

// ErrNoAnswer is the error for a request that no resolver has answered in time.
var ErrNoAnswer = errors.New("there was none")

// Reader fetches definitions.
type Reader struct {
	Client client.Client
	// Namespace is where requests are created. Its Secrets can be used.
	Namespace string
	// Timeout is the maximum time for one definition.
	Timeout time.Duration
}

// Read returns the definition of a reference. It creates a ResolutionRequest, waits for the answer, and deletes the request. The
// content is not checked. An object of the cluster that the reference names completely is read without a request.
func (r *Reader) Read(ctx context.Context, ref *v1.ResolverRef) (*resolvers.Resource, error) {
	timed, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	if kind, key, ok := objectOf(ref); ok {
		return r.object(timed, kind, key)
	}
	answer, err := r.request(timed, ref)
	if err != nil && ctx.Err() == nil && timed.Err() != nil {
		return nil, clierror.Hint(fmt.Errorf("cannot get an answer from resolver %q within %s: %w", ref.Resolver, r.Timeout, ErrNoAnswer),
			"sluice doctor checks whether the resolvers of the cluster are ready")
	}
	return answer, err
}

func (r *Reader) request(ctx context.Context, ref *v1.ResolverRef) (answer *resolvers.Resource, err error) {
	request := &resolutionv1beta1.ResolutionRequest{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: r.Namespace, GenerateName: "sluice-resolve-",
			Labels: map[string]string{resolutionv1beta1.LabelType: ref.Resolver},
		},
		Spec: resolutionv1beta1.ResolutionRequestSpec{Params: ref.Params},
	}
	err = r.Client.Create(ctx, request)
	if meta.IsNoMatchError(err) {
		return nil, clierror.New("cannot create a ResolutionRequest: the cluster does not serve them",
			"add the CustomResourceDefinition "+resolutionv1beta1.CRDName+" and the resolvers: sluice install")
	}
	if err != nil {
		return nil, fmt.Errorf("cannot create a ResolutionRequest in namespace %q: %w", r.Namespace, err)
	}
	defer func() {
		// The request must not stay when the command is interrupted.
		after, cancel := context.WithTimeout(context.WithoutCancel(ctx), deletion)
		defer cancel()
		if deleted := client.IgnoreNotFound(r.Client.Delete(after, request)); deleted != nil {
			err = errors.Join(err, fmt.Errorf("cannot delete ResolutionRequest %q: %w", request.Name, deleted))
		}
	}()
	err = wait.PollUntilContextCancel(ctx, poll, true, func(ctx context.Context) (bool, error) {
		err := r.Client.Get(ctx, client.ObjectKeyFromObject(request), request)
		return err == nil && request.Done(), err
	})
	if err != nil {
		return nil, fmt.Errorf("cannot get an answer from resolver %q: %w", ref.Resolver, err)
	}
	return read(request)
}

// read returns the answer of a request.
func read(request *resolutionv1beta1.ResolutionRequest) (*resolvers.Resource, error) {
	if c := request.Succeeded(); c.Status != metav1.ConditionTrue {
		return nil, clierror.New(fmt.Sprintf("cannot resolve the reference: %s: %s", c.Reason, c.Message))
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

// objectOf returns the kind and the name of an object of the cluster. It returns false for a reference that has another resolver, or
// that leaves a part to the settings of the resolver.
func objectOf(ref *v1.ResolverRef) (string, client.ObjectKey, bool) {
	if ref.Resolver != resolverCluster {
		return "", client.ObjectKey{}, false
	}
	params := map[string]string{}
	for _, p := range ref.Params {
		params[p.Name] = p.Value.String
	}
	key := client.ObjectKey{Namespace: params["namespace"], Name: params["name"]}
	for _, kind := range []string{v1.KindTask, v1.KindPipeline} {
		if strings.EqualFold(kind, params["kind"]) && key.Name != "" && key.Namespace != "" {
			return kind, key, true
		}
	}
	return "", client.ObjectKey{}, false
}

// object reads an object of the cluster, with the rights of the user.
func (r *Reader) object(ctx context.Context, kind string, key client.ObjectKey) (*resolvers.Resource, error) {
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(v1.GroupVersion.WithKind(kind))
	if err := r.Client.Get(ctx, key, object); err != nil {
		return nil, fmt.Errorf("cannot get %s %q of namespace %q: %w", kind, key.Name, key.Namespace, err)
	}
	object.SetManagedFields(nil)
	content, err := yaml.Marshal(object.Object)
	if err != nil {
		return nil, fmt.Errorf("cannot encode %s %q: %w", kind, key.Name, err)
	}
	uri := fmt.Sprintf("/apis/%s/namespaces/%s/%s/%s@%s", v1.GroupVersion, key.Namespace, strings.ToLower(kind), key.Name, object.GetUID())
	return &resolvers.Resource{Content: content, Source: v1.RefSource{URI: uri}}, nil
}

// Constant reports whether the params of a reference have no variables. Those with variables are known only to the run.
func Constant(ref *v1.ResolverRef) bool {
	for _, p := range ref.Params {
		texts := append([]string{p.Value.String}, p.Value.Array...)
		texts = slices.AppendSeq(texts, maps.Values(p.Value.Object))
		if slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(text, "$(") }) {
			return false
		}
	}
	return true
}
