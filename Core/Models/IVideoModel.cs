namespace Prisma.Core;

/// <summary>In which order a clip's axes follow each other.</summary>
public enum ClipOrder
{
    /// <summary>[batch, time, channel, height, width]: Hugging Face.</summary>
    FramesFirst,

    /// <summary>[batch, channel, time, height, width]: ViT-Prisma and the original V-JEPA.</summary>
    ChannelsFirst,
}

/// <summary>A model that sees several frames at once.</summary>
public interface IVideoModel
{
    /// <summary>The input that takes the clip; pixel_values unless the model says otherwise.</summary>
    string ClipInput => "pixel_values";

    /// <summary>Frames of one clip, as the checkpoint was trained.</summary>
    int ClipFrames { get; }

    /// <summary>
    /// How the reference lays out the clip's axes; as Hugging Face unless the model says otherwise. The other order is taken too where the
    /// channels tell them apart.
    /// </summary>
    ClipOrder ClipOrder => ClipOrder.FramesFirst;
}
