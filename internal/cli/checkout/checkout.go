// Package checkout reads definitions of git references from a local checkout of the same repository, without a network. The files
// are those on disk, also if they are not committed: a user checks and runs what is being written.
package checkout

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/format/config"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/resolvers"
	"github.com/sluice-ci/sluice/internal/resolvers/content"
)

// resolverGit is the resolver whose references are read.
const resolverGit = "git"

// maxConfig is the maximum size of a repository's configuration in bytes.
const maxConfig = 1 << 20

// Checkout is a folder with a repository.
type Checkout struct {
	// Folder is the root of the repository.
	Folder string
	// remotes are the repositories that it was cloned from, as host and path.
	remotes []string
}

// Find returns the checkout that contains a file or a folder, or nil without one.
func Find(name string) (*Checkout, error) {
	folder, err := filepath.Abs(name)
	if err != nil {
		return nil, fmt.Errorf("cannot find folder of %q: %w", name, err)
	}
	for {
		inside := filepath.Join(folder, ".git")
		if _, err := os.Stat(inside); err == nil {
			remotes, err := remotesIn(inside)
			return &Checkout{Folder: folder, remotes: remotes}, err
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			return nil, nil //nolint:nilnil // no checkout is not an error
		}
		folder = parent
	}
}

// remotesIn reads the configuration of a repository. In a worktree .git is a file that names the folder.
func remotesIn(git string) ([]string, error) {
	if info, err := os.Stat(git); err == nil && !info.IsDir() {
		text, err := os.ReadFile(git)
		if err != nil {
			return nil, fmt.Errorf("cannot read file %q: %w", git, err)
		}
		git = absolute(filepath.Dir(git), strings.TrimPrefix(strings.TrimSpace(string(text)), "gitdir: "))
	}
	if common, err := os.ReadFile(filepath.Join(git, "commondir")); err == nil {
		git = absolute(git, strings.TrimSpace(string(common)))
	}
	file, err := os.Open(filepath.Join(git, "config"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the configuration of a repository: %w", err)
	}
	defer func() { _ = file.Close() }()
	known := config.New()
	if err := config.NewDecoder(io.LimitReader(file, maxConfig)).Decode(known); err != nil {
		return nil, fmt.Errorf("cannot read the configuration of a repository in %q: %w", git, err)
	}
	var remotes []string
	for _, remote := range known.Section("remote").Subsections {
		for _, address := range remote.Options.GetAll("url") {
			if place := placeOf(address); place != "" {
				remotes = append(remotes, place)
			}
		}
	}
	return remotes, nil
}

func absolute(folder, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(folder, name)
}

// placeOf returns host and path of a repository, which are the same for its addresses over HTTPS and SSH; "" for a local folder.
func placeOf(address string) string {
	var host, place string
	if strings.Contains(address, "://") {
		u, err := url.Parse(address)
		if err != nil || u.Hostname() == "" {
			return ""
		}
		host, place = u.Hostname(), u.Path
	} else {
		_, rest, found := strings.Cut(address, "@")
		if !found {
			rest = address
		}
		if host, place, found = strings.Cut(rest, ":"); !found || strings.Contains(host, "/") {
			return ""
		}
	}
	place = strings.TrimSuffix(strings.Trim(place, "/"), ".git")
	if host == "" || place == "" {
		return ""
	}
	return strings.ToLower(host) + "/" + place
}

// Read returns the definition of a reference to a repository that the checkout is of. It returns false for any other reference.
func (c *Checkout) Read(ref *v1.ResolverRef) ([]byte, bool, error) {
	if c == nil || ref.Resolver != resolverGit {
		return nil, false, nil
	}
	params := map[string]string{}
	for _, p := range ref.Params {
		params[p.Name] = p.Value.String
	}
	name := path.Clean("/" + params["pathInRepo"])[1:]
	if !c.of(params["url"]) || name == "" || strings.Contains(params["pathInRepo"], "$(") {
		return nil, false, nil
	}
	text, err := c.read(name)
	if err != nil {
		return nil, true, fmt.Errorf("cannot read %q of the checkout in %q: %w", name, c.Folder, err)
	}
	return text, true, content.Check(text)
}

// of reports whether the checkout is of the repository at an address.
func (c *Checkout) of(address string) bool {
	place := placeOf(address)
	for _, remote := range c.remotes {
		if place != "" && place == remote {
			return true
		}
	}
	return false
}

// read reads a file. Links out of the checkout are refused.
func (c *Checkout) read(name string) ([]byte, error) {
	root, err := os.OpenRoot(c.Folder)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	file, err := root.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return io.ReadAll(io.LimitReader(file, resolvers.MaxContent+1)) // content.Check refuses what is longer
}

// Reader reads definitions from the checkouts that files are in. It looks for the checkout of a folder once.
type Reader struct{ known map[string]*Checkout }

// NewReader returns a Reader.
func NewReader() *Reader { return &Reader{known: map[string]*Checkout{}} }

// Read returns the definition that a reference in a file names, if the file is in a checkout of the repository. The file "-" is
// standard input, and counts as one of the present folder.
func (r *Reader) Read(file string, ref *v1.ResolverRef) ([]byte, bool, error) {
	if ref.Resolver != resolverGit {
		return nil, false, nil
	}
	folder := filepath.Dir(file)
	found, ok := r.known[folder]
	if !ok {
		var err error
		if found, err = Find(folder); err != nil {
			return nil, false, err
		}
		r.known[folder] = found
	}
	return found.Read(ref)
}
