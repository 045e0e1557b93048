package git

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/sluice-ci/sluice/internal/resolvers"
	"github.com/sluice-ci/sluice/internal/resolvers/outbound"
)

// maxCommit is the maximum size in bytes of the description of a commit. Some services list the changes in it.
const maxCommit = 4 << 20

// limitsAPI returns the limits of the two requests.
func limitsAPI() outbound.Limits {
	return outbound.Limits{Bytes: maxCommit + resolvers.MaxContent + 1, Requests: 8}
}

// fetch reads the commit of the revision, and then the file of that commit, so that a branch that moves in between cannot
// cause the wrong digest. The error is an *Error.
func (f *file) fetch(ctx context.Context, network *outbound.Network) (found, error) {
	client := network.Client(f.service.api(f.server), limitsAPI())
	commit := f.revision
	if !isCommit(commit) {
		answer, err := f.ask(ctx, client, f.service.commit(f), maxCommit)
		if errors.Is(err, errTooLarge) {
			return found{}, resolvers.Failed(err, "cannot find the commit of revision %s: the answer of host %s has more than %d bytes, the limit",
				shown(f.revision), shown(f.server.Host), maxCommit)
		}
		if err != nil {
			return found{}, err
		}
		if commit, err = commitIn(answer, f.service.commit(f).accept == acceptJSON); err != nil {
			return found{}, resolvers.Failed(err, "cannot find the commit of revision %s: the answer of host %s is not one of %s; correct param %q",
				shown(f.revision), shown(f.server.Host), f.service.name, paramSCMType)
		}
	}
	content, err := f.ask(ctx, client, f.service.content(f, commit), resolvers.MaxContent)
	if errors.Is(err, errTooLarge) {
		return found{}, tooLarge(f.path)
	}
	if err != nil {
		return found{}, err
	}
	return found{content: content, commit: commit}, checkContent(content, f.path)
}

// ask sends a request to the API. Its error is an *Error, or errTooLarge.
func (f *file) ask(ctx context.Context, client *http.Client, q query, limit int64) ([]byte, error) {
	to := *f.service.api(f.server)
	address := strings.TrimRight(to.String(), "/") + "/" + q.path
	if len(q.values) > 0 {
		address += "?" + q.values.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, resolvers.Invalid("cannot ask host %s for the file: the params do not make an address", shown(f.server.Host))
	}
	request.Header.Set("User-Agent", "sluice")
	if q.accept != "" {
		request.Header.Set("Accept", q.accept)
	}
	if f.token != "" {
		request.Header.Set("Authorization", f.service.authorization(f.token))
	}
	answer, err := client.Do(request)
	if err != nil {
		return nil, outbound.Explain(err, f.server.Host, limitsAPI())
	}
	defer func() { _ = answer.Body.Close() }()
	if err := f.check(answer); err != nil {
		return nil, err
	}
	content, err := io.ReadAll(&bounded{from: answer.Body, left: limit})
	switch {
	case errors.Is(err, errTooLarge):
		return nil, err
	case err != nil:
		return nil, outbound.Explain(err, f.server.Host, limitsAPI())
	}
	return content, nil
}

// check returns the error for an answer that is no success.
func (f *file) check(answer *http.Response) error {
	cause := fmt.Errorf("status %d", answer.StatusCode)
	host, place := shown(f.server.Host), shown(f.org+"/"+f.repo)
	switch answer.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusNotFound, http.StatusGone, http.StatusUnprocessableEntity, http.StatusUnauthorized, http.StatusForbidden:
		if answer.Header.Get("X-Ratelimit-Remaining") == "0" {
			return resolvers.Unavailable(cause, "cannot read repository %s: host %s permits no more requests now; a token permits more", place, host)
		}
		if f.token == "" {
			return resolvers.Failed(cause, "cannot find file %s at revision %s of repository %s: host %s does not have it, or it is private; "+
				"for a private one, name a Secret with a token in param %q", shown(f.path), shown(f.revision), place, host, paramToken)
		}
		return resolvers.Failed(cause, "cannot find file %s at revision %s of repository %s: host %s does not have it, or refuses the token",
			shown(f.path), shown(f.revision), place, host)
	default:
		if err := outbound.CheckStatus(answer, f.server.Host); err != nil {
			return err
		}
		return nil
	}
}

// commitAnswer is the part of a commit's description that is needed. Each service has one of the fields.
type commitAnswer struct {
	ID     string `json:"id"`
	SHA    string `json:"sha"`
	Hash   string `json:"hash"`
	Values []struct {
		ID string `json:"id"`
	} `json:"values"`
}

// commitIn returns the commit in an answer, which is JSON or the name itself.
func commitIn(answer []byte, isJSON bool) (string, error) {
	commit := strings.TrimSpace(string(answer))
	if isJSON {
		var a commitAnswer
		if err := json.Unmarshal(answer, &a); err != nil {
			return "", errors.New("the answer is not JSON")
		}
		commit = cmp.Or(a.ID, a.SHA, a.Hash)
		if len(a.Values) > 0 {
			commit = cmp.Or(commit, a.Values[0].ID)
		}
	}
	if commit = strings.ToLower(commit); !isCommit(commit) {
		return "", errors.New("the answer has no commit")
	}
	return commit, nil
}
