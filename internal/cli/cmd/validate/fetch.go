package validate

import (
	"context"
	"encoding/json"
	"errors"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/checkout"
	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cmd/validate/check"
	"github.com/sluice-ci/sluice/internal/cli/remote"
	"github.com/sluice-ci/sluice/internal/resolvers/content"
)

// fromCheckouts returns a function that reads definitions from the checkouts that the files are in.
func fromCheckouts() check.Fetch {
	reader := checkout.NewReader()
	return func(file string, ref *v1.ResolverRef) (check.Definition, error) {
		text, _, err := reader.Read(file, ref)
		return check.Definition{Text: text}, err
	}
}

// fetch returns the function that reads the definitions of references: from checkouts, and otherwise from the cluster if the user
// wants this.
func (o *Options) fetch(ctx context.Context) (check.Fetch, error) {
	here := fromCheckouts()
	if !o.InCluster {
		return here, nil
	}
	c, err := o.Source.Connect()
	if err != nil {
		return nil, clierror.Hint(err, "without --in-cluster no cluster is needed: references are then read from checkouts only")
	}
	there := fromCluster(ctx, &remote.Reader{Client: c.Client, Namespace: c.Namespace, Timeout: remote.Timeout})
	return func(file string, ref *v1.ResolverRef) (check.Definition, error) {
		if found, err := here(file, ref); err != nil || found.Text != nil {
			return found, err
		}
		return there(ref)
	}, nil
}

// answer is what the cluster has answered to a reference.
type answer struct {
	definition check.Definition
	err        error
}

// fromCluster returns a function that reads definitions through the cluster, each one once. A resolver that has not answered in time
// is not asked again, so that it delays the command only once.
func fromCluster(ctx context.Context, reader *remote.Reader) func(ref *v1.ResolverRef) (check.Definition, error) {
	known, silent := map[string]answer{}, map[string]answer{}
	return func(ref *v1.ResolverRef) (check.Definition, error) {
		key, err := json.Marshal(ref)
		if err != nil || !remote.Constant(ref) {
			return check.Definition{}, err
		}
		found, ok := known[string(key)]
		if !ok {
			found, ok = silent[ref.Resolver]
		}
		if !ok {
			found = read(ctx, reader, ref)
			known[string(key)] = found
		}
		if errors.Is(found.err, remote.ErrNoAnswer) {
			silent[ref.Resolver] = found
		}
		return found.definition, found.err
	}
}

// read reads a definition through the cluster, and checks what is not trusted.
func read(ctx context.Context, reader *remote.Reader, ref *v1.ResolverRef) answer {
	resource, err := reader.Read(ctx, ref)
	if err == nil {
		err = content.Check(resource.Content)
	}
	if err != nil {
		return answer{definition: check.Definition{Exact: true}, err: err}
	}
	return answer{definition: check.Definition{Exact: true, Text: resource.Content}}
}
