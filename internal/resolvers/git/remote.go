package git

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"

	"github.com/sluice-ci/sluice/internal/budget"
	"github.com/sluice-ci/sluice/internal/resolvers"
)

// remote is a connection to the program git-upload-pack for one repository. The errors of its methods that are no *Error are
// explained by explain.
type remote interface {
	// references returns the bytes with the branches and tags of the repository.
	references(ctx context.Context) (io.ReadCloser, error)
	// pack sends a request, and returns the bytes of the answer.
	pack(ctx context.Context, request []byte) (io.ReadCloser, error)
	// close ends the connection.
	close()
}

// perReferences is the memory in bytes for each byte of the list of branches and tags.
const perReferences = 5

// errProtocol means that a server does not answer as a git server does.
var errProtocol = errors.New("the answer is not one of a git server")

// advertise reads the branches and tags of a repository.
func advertise(ctx context.Context, r remote, lease *budget.Lease) (*packp.AdvRefs, error) {
	from, err := r.references(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = from.Close() }()
	known := packp.NewAdvRefs()
	err = known.Decode(&leased{from: &bounded{from: from, left: maxReferences}, lease: lease, factor: perReferences})
	switch {
	case errors.Is(err, errTooLarge):
		return nil, resolvers.Failed(err, "cannot read the repository's branches and tags: they have more than %d bytes, the limit",
			maxReferences)
	case errors.Is(err, errNoMemory):
		return nil, errNoMemory
	case errors.Is(err, packp.ErrEmptyAdvRefs), err == nil && known.IsEmpty():
		return nil, resolvers.Failed(err, "cannot find the revision: the repository is empty")
	case errors.Is(err, packp.ErrEmptyInput):
		return nil, errNoAnswer
	case err != nil && ctx.Err() == nil:
		return nil, fmt.Errorf("%w: %w", errProtocol, err)
	}
	return known, err
}

// errNoAnswer means that the program on the server ended without an answer.
var errNoAnswer = errors.New("no answer")

// wanted is what to fetch for a revision.
type wanted struct {
	// names are the objects to ask for.
	names []plumbing.Hash
	// commit is the object to begin with: a commit, or a tag of one.
	commit plumbing.Hash
	// whole reports that all commits are needed, since the server gives none by its name.
	whole bool
}

// capabilityAny is the ability to give any commit by its name. go-git has no constant for it.
const capabilityAny capability.Capability = "allow-any-sha1-in-want"

// want decides what to fetch for a revision. The error is an *Error: there is no such branch or tag.
func want(known *packp.AdvRefs, revision string) (wanted, error) {
	if !isCommit(revision) {
		for _, name := range names(revision) {
			if found, ok := pointed(known, name); ok {
				return wanted{names: []plumbing.Hash{found}, commit: found}, nil
			}
		}
		return wanted{}, resolvers.Failed(nil, "cannot find revision %s: the repository has no such branch or tag; "+
			"a commit needs all its %d digits", shown(revision), digits)
	}
	commit := plumbing.NewHash(revision)
	w := wanted{names: []plumbing.Hash{commit}, commit: commit}
	if given(known, commit) {
		return w, nil
	}
	w.names, w.whole = tips(known), true
	return w, nil
}

// pointed returns what a name points to. The value of a tag is its tag object, if it has one.
func pointed(known *packp.AdvRefs, name string) (plumbing.Hash, bool) {
	if name == "HEAD" {
		if known.Head == nil {
			return plumbing.ZeroHash, false
		}
		return *known.Head, true
	}
	found, ok := known.References[name]
	return found, ok
}

// given reports whether the server gives a commit by its name.
func given(known *packp.AdvRefs, commit plumbing.Hash) bool {
	if known.Capabilities.Supports(capabilityAny) || known.Capabilities.Supports(capability.AllowReachableSHA1InWant) {
		return true
	}
	if known.Head != nil && *known.Head == commit {
		return true
	}
	for _, tip := range known.References {
		if tip == commit {
			return true
		}
	}
	return false
}

// tips returns what all branches and tags point to.
func tips(known *packp.AdvRefs) []plumbing.Hash {
	seen := map[plumbing.Hash]bool{}
	var all []plumbing.Hash
	for _, tip := range known.References {
		if !seen[tip] {
			seen[tip] = true
			all = append(all, tip)
		}
	}
	return all
}

// encode returns the request for what is wanted: one commit without its history, and without files that are larger than a
// definition, where the server can do that.
func encode(known *packp.AdvRefs, w wanted) (*packp.UploadPackRequest, error) {
	request := packp.NewUploadPackRequest()
	request.Wants = w.names
	use := []capability.Capability{capability.OFSDelta, capability.NoProgress}
	switch has := known.Capabilities.Supports; {
	case has(capability.Sideband64k):
		use = append(use, capability.Sideband64k)
	case has(capability.Sideband):
		use = append(use, capability.Sideband)
	}
	if !w.whole && known.Capabilities.Supports(capability.Shallow) {
		use = append(use, capability.Shallow)
		request.Depth = packp.DepthCommits(1)
	}
	if known.Capabilities.Supports(capability.Filter) {
		use = append(use, capability.Filter)
		request.Filter = packp.FilterBlobLimit(resolvers.MaxContent+1, packp.BlobLimitPrefixNone)
	}
	for _, one := range use {
		if !known.Capabilities.Supports(one) {
			continue
		}
		if err := request.Capabilities.Set(one); err != nil {
			return nil, err
		}
	}
	return request, request.Validate()
}

// text returns the bytes of a request.
func text(request *packp.UploadPackRequest) ([]byte, error) {
	var b bytes.Buffer
	if err := request.UploadRequest.Encode(&b); err != nil {
		return nil, err
	}
	if err := pktline.NewEncoder(&b).EncodeString("done\n"); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// unwrap returns the pack in an answer.
func unwrap(answer io.ReadCloser, request *packp.UploadPackRequest) (io.Reader, error) {
	// The reader must not be closed here: its owner does that.
	buffered := bufio.NewReader(answer)
	decoded := packp.NewUploadPackResponse(request)
	if err := decoded.Decode(io.NopCloser(buffered)); err != nil {
		return nil, err
	}
	switch has := request.Capabilities.Supports; {
	case has(capability.Sideband64k):
		return sideband.NewDemuxer(sideband.Sideband64k, decoded), nil
	case has(capability.Sideband):
		return sideband.NewDemuxer(sideband.Sideband, decoded), nil
	default:
		return decoded, nil
	}
}

// exchange sends a request, and reads the pack of the answer.
func exchange(ctx context.Context, r remote, request *packp.UploadPackRequest, limit int64,
	lease *budget.Lease) ([]byte, error) {
	content, err := text(request)
	if err != nil {
		return nil, err
	}
	answer, err := r.pack(ctx, content)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Close() }()
	pack, err := unwrap(answer, request)
	if err != nil {
		return nil, err
	}
	return readPack(pack, limit, lease)
}
