namespace Prisma.Core;

/// <summary>Resampling filters, numbered as Pillow numbers them: the codes in <c>preprocessor_config.json</c>.</summary>
public enum ResizeFilter
{
    /// <summary>The nearest pixel.</summary>
    Nearest = 0,

    /// <summary>Windowed sinc over three lobes.</summary>
    Lanczos = 1,

    /// <summary>Triangle; widened when a picture shrinks.</summary>
    Bilinear = 2,

    /// <summary>Cubic with a = -0.5; widened when a picture shrinks.</summary>
    Bicubic = 3,

    /// <summary>Plain average of the covered pixels.</summary>
    Box = 4,

    /// <summary>Hamming-windowed sinc over one lobe.</summary>
    Hamming = 5,
}
