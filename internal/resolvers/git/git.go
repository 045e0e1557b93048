// Package git is the resolver of definitions in git repositories. It has two ways to a file: a shallow fetch of one commit into
// memory, or two requests to the API of a hosting service.
//
// A fetch uses the formats of go-git (requests, packs, objects), and connections of this package, so that the rules of the
// guarded network hold for each of them. See docs/design for the reason.
package git

import (
	"strconv"

	"github.com/sluice-ci/sluice/internal/truncate"
)

// Type is the type of the resolver's requests.
const Type = "git"

// The params of a reference.
const (
	paramURL         = "url"
	paramRevision    = "revision"
	paramPath        = "pathInRepo"
	paramGitToken    = "gitToken"
	paramGitTokenKey = "gitTokenKey"
	paramOrg         = "org"
	paramRepo        = "repo"
	paramToken       = "token"
	paramTokenKey    = "tokenKey"
	paramSCMType     = "scmType"
	paramServerURL   = "serverURL"
	paramConfigKey   = "configKey"
)

// maxShown is the maximum number of bytes of a value in a message.
const maxShown = 200

// shown returns the text of a user, quoted, for a message.
func shown(text string) string { return strconv.Quote(truncate.Text(text, maxShown)) }
