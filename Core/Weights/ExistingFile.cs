namespace Prisma.Core;

/// <summary>What to do when the file to be written is already there.</summary>
public enum ExistingFile
{
    /// <summary>Refuse, so that nothing is lost without being asked for. The default everywhere.</summary>
    Refuse,

    /// <summary>Replace it in one step, once the new content is complete.</summary>
    Replace,
}
