namespace Prisma.Core;

/// <summary>What to do with the turning that a camera noted in the file's EXIF block.</summary>
public enum PictureOrientation
{
    /// <summary>Leave the pixels as they are stored, as the Python image processors do.</summary>
    AsStored,

    /// <summary>Turn the picture upright.</summary>
    Upright,
}
