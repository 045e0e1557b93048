package git

import (
	"context"
	"errors"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/sluice-ci/sluice/internal/budget"
	"github.com/sluice-ci/sluice/internal/resolvers"
	"github.com/sluice-ci/sluice/internal/resolvers/outbound"
)

// found is a file of a commit.
type found struct {
	content []byte
	// commit is the name of the commit.
	commit string
}

// clone is a file to fetch from a repository.
type clone struct {
	address        address
	revision, path string
	auth           basic
	id             identity
	// maxPack is the maximum size in bytes of what the server sends.
	maxPack int64
}

// fetch fetches the file. The error is an *Error.
func (c *clone) fetch(ctx context.Context, network *outbound.Network, lease *budget.Lease) (found, error) {
	file, err := c.attempt(ctx, network, lease)
	if err != nil {
		return found{}, c.explain(ctx, err)
	}
	return file, nil
}

func (c *clone) attempt(ctx context.Context, network *outbound.Network, lease *budget.Lease) (found, error) {
	r, err := c.connect(ctx, network)
	if err != nil {
		return found{}, err
	}
	defer r.close()
	known, err := advertise(ctx, r, lease)
	if err != nil {
		return found{}, err
	}
	w, err := want(known, c.revision)
	if err != nil {
		return found{}, err
	}
	request, err := encode(known, w)
	if err != nil {
		return found{}, err
	}
	content, err := exchange(ctx, r, request, c.maxPack, lease)
	if err != nil {
		return found{}, err
	}
	all, err := openPack(content, request.Filter != "", lease)
	if err != nil {
		return found{}, err
	}
	return all.find(w.commit, c.path)
}

func (c *clone) connect(ctx context.Context, network *outbound.Network) (remote, error) {
	if c.address.scheme == schemeSSH {
		return newSSH(ctx, network, c.address, c.id)
	}
	return newHTTP(network, c.address, c.auth)
}

// find returns the file of a commit.
func (o *objects) find(start plumbing.Hash, path string) (found, error) {
	commit, err := o.commitOf(start)
	if err != nil {
		return found{}, err
	}
	content, err := o.file(commit.TreeHash, path)
	return found{content: content, commit: commit.Hash.String()}, err
}

// explain returns the error for users.
func (c *clone) explain(ctx context.Context, err error) *resolvers.Error {
	host := shown(c.address.host)
	switch already, isError := errors.AsType[*resolvers.Error](err); {
	case ctx.Err() != nil:
		return resolvers.Unavailable(ctx.Err(), "cannot fetch the repository: host %s did not send it in time", host)
	case isError:
		return already
	case errors.Is(err, errTooLarge), errors.Is(err, outbound.ErrTooLarge):
		return resolvers.Failed(err, "cannot fetch the repository: the revision has more than %d bytes, the limit%s", c.maxPack, adviceLarge)
	case errors.Is(err, errNoMemory):
		return resolvers.Unavailable(err, "cannot fetch the repository now: other repositories use the memory for it")
	case errors.Is(err, errNoAnswer):
		return resolvers.Failed(err, "cannot fetch the repository: host %s has no such repository, or refuses the SSH key of the Secret in "+
			"param %q",
			host, paramGitToken)
	case errors.Is(err, errProtocol):
		return resolvers.Failed(err, "cannot fetch the repository: host %s does not answer as a git server; correct param %q", host, paramURL)
	case errors.Is(err, plumbing.ErrObjectNotFound):
		return resolvers.Failed(err, "cannot find revision %s: the repository does not have it, or no branch or tag leads to it",
			shown(c.revision))
	default:
		return resolvers.Unavailable(err, "cannot fetch the repository: host %s sends invalid data, or the connection broke", host)
	}
}
