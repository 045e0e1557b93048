package git

// The limits of one fetch. What a repository has beyond them is not fetched: a reference to its hosting service's API reads
// one file only.
const (
	// maxPack is the maximum size in bytes of what a server sends for one commit.
	maxPack = 64 << 20
	// maxReferences is the maximum size in bytes of a server's list of branches and tags.
	maxReferences = 16 << 20
	// maxObjects is the maximum number of files, folders and commits in a pack.
	maxObjects = 100_000
	// maxObject is the maximum size in bytes of one object of a pack, uncompressed.
	maxObject = 32 << 20
	// maxInflated is the maximum size in bytes of all objects of a pack together, uncompressed.
	maxInflated = 1 << 30
	// maxLinks is the maximum number of symbolic links on the way to a file.
	maxLinks = 8
	// maxTags is the maximum number of annotated tags on the way to a commit.
	maxTags = 4
)
