package git

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/sluice-ci/sluice/internal/resolvers"
)

// commitOf returns the commit that an object names: the object, or what an annotated tag points to.
func (o *objects) commitOf(name plumbing.Hash) (*object.Commit, error) {
	for range maxTags + 1 {
		one, err := o.object(name)
		if err != nil {
			return nil, err
		}
		switch one.Type() {
		case plumbing.CommitObject:
			commit := &object.Commit{}
			return commit, commit.Decode(one)
		case plumbing.TagObject:
			tag := &object.Tag{}
			if err := tag.Decode(one); err != nil {
				return nil, err
			}
			name = tag.Target
		default:
			return nil, resolvers.Failed(nil, "cannot use the revision: it names a %s, want a commit", one.Type())
		}
	}
	return nil, resolvers.Failed(nil, "cannot use the revision: it is a tag of a tag, more than %d times", maxTags)
}

// file returns the content of a file of a tree. It follows symbolic links within the tree. The error is an *Error if the file
// does not exist or is not permitted.
func (o *objects) file(root plumbing.Hash, name string) ([]byte, error) {
	w := &walk{objects: o, root: root, name: name, tree: root}
	todo := strings.Split(name, "/")
	for len(todo) > 0 {
		entry, err := w.entry(todo[0])
		if err != nil {
			return nil, err
		}
		here := shown(w.path(todo[0]))
		switch {
		case entry.Mode == filemode.Dir:
			w.folders, w.tree, todo = append(w.folders, todo[0]), entry.Hash, todo[1:]
		case entry.Mode == filemode.Submodule:
			return nil, w.failed("%s is a submodule, which is not fetched; refer to its repository", here)
		case entry.Mode == filemode.Symlink:
			if todo, err = w.follow(entry, todo); err != nil {
				return nil, err
			}
		case len(todo) > 1:
			return nil, w.failed("%s is a file, not a folder", here)
		default:
			return o.content(entry.Hash, name)
		}
	}
	return nil, w.failed("%s is a folder", shown(w.path("")))
}

// walk is the way to a file through the folders of a commit.
type walk struct {
	*objects

	// name is the requested file.
	name string
	// root is the folder of the commit, and tree the present one.
	root, tree plumbing.Hash
	// folders are the names of the folders from root to tree.
	folders []string
	// links is the number of symbolic links that were followed.
	links int
}

// path returns the path of an entry of the present folder.
func (w *walk) path(name string) string { return path.Join(strings.Join(w.folders, "/"), name) }

func (w *walk) failed(format string, args ...any) error {
	return resolvers.Failed(nil, "cannot read file %s: %s", shown(w.name), fmt.Sprintf(format, args...))
}

// entry returns an entry of the present folder.
func (w *walk) entry(name string) (*object.TreeEntry, error) {
	one, err := w.object(w.tree)
	if err != nil {
		return nil, err
	}
	tree := &object.Tree{}
	if err := tree.Decode(one); err != nil {
		return nil, err
	}
	for i := range tree.Entries {
		if tree.Entries[i].Name == name {
			return &tree.Entries[i], nil
		}
	}
	return nil, resolvers.Failed(nil, "cannot find file %s: the repository has no %s at this revision", shown(w.name), shown(w.path(name)))
}

// follow replaces a symbolic link, the first of the elements, by its target, and begins at the root again. The target is
// joined as text: it leads to the same place or to none, because a folder that is a link is followed in turn.
func (w *walk) follow(entry *object.TreeEntry, todo []string) ([]string, error) {
	here := shown(w.path(todo[0]))
	if w.links++; w.links > maxLinks {
		return nil, w.failed("there are more than %d symbolic links on its path", maxLinks)
	}
	target, err := w.read(entry.Hash, maxPath)
	switch {
	case errors.Is(err, errTooLarge):
		return nil, w.failed("the symbolic link %s has a target of more than %d bytes", here, maxPath)
	case err != nil:
		return nil, err
	}
	elements, inside := joined(w.folders, string(target))
	if !inside {
		return nil, w.failed("the symbolic link %s leads out of the repository", here)
	}
	w.folders, w.tree = nil, w.root
	return append(elements, todo[1:]...), nil
}

// joined returns the path of a symbolic link's target, and whether it is within the repository.
func joined(folders []string, target string) (elements []string, inside bool) {
	if strings.HasPrefix(target, "/") {
		return nil, false
	}
	elements = slices.Clone(folders)
	for element := range strings.SplitSeq(target, "/") {
		switch element {
		case "", ".":
		case "..":
			if len(elements) == 0 {
				return nil, false
			}
			elements = elements[:len(elements)-1]
		default:
			elements = append(elements, element)
		}
	}
	return elements, true
}

// content returns the content of a file, and refuses pointers to files elsewhere.
func (o *objects) content(blob plumbing.Hash, name string) ([]byte, error) {
	content, err := o.read(blob, resolvers.MaxContent)
	switch {
	case errors.Is(err, errTooLarge), o.filtered && errors.Is(err, plumbing.ErrObjectNotFound):
		return nil, tooLarge(name)
	case err != nil:
		return nil, err
	}
	return content, checkContent(content, name)
}

func tooLarge(name string) error {
	return resolvers.Failed(nil, "cannot read file %s: it has more than %d bytes, the limit of a definition", shown(name),
		resolvers.MaxContent)
}

// checkContent refuses a pointer of git LFS, which is not a definition.
func checkContent(content []byte, name string) error {
	if len(content) < 1024 && bytes.HasPrefix(content, []byte("version https://git-lfs.github.com/spec/")) {
		return resolvers.Failed(nil, "cannot read file %s: it is stored with git LFS, which is not supported; store definitions in git itself",
			shown(name))
	}
	return nil
}

// read returns the content of a blob of at most limit bytes, or errTooLarge.
func (o *objects) read(blob plumbing.Hash, limit int64) (content []byte, err error) {
	one, err := o.object(blob)
	if err != nil {
		return nil, err
	}
	if one.Type() != plumbing.BlobObject {
		return nil, fmt.Errorf("object %s is a %s, want a file", blob, one.Type())
	}
	if one.Size() > limit {
		return nil, errTooLarge
	}
	from, err := one.Reader()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	return io.ReadAll(from)
}
