namespace Prisma.Core;

/// <summary>On which side of the centre a crop falls when the margins cannot be equal.</summary>
public enum CropRounding
{
    /// <summary>Offset (size - crop) / 2 rounded down: Hugging Face.</summary>
    Down,

    /// <summary>Offset rounded to the nearest, halves to even; padding (crop - size) / 2 rounded down: torchvision and timm.</summary>
    HalfToEven,
}
