namespace Prisma.Sae;

/// <summary>How much of a folder a coder is.</summary>
public enum CoderExtent
{
    /// <summary>One of the folder's coders.</summary>
    Whole,

    /// <summary>A part or another copy of a coder of the folder: opened where its file is named, passed over by a search.</summary>
    Part,

    /// <summary>The folder with everything in it and below it is this one coder.</summary>
    Folder,
}
