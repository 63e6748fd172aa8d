namespace Prisma.Text;

/// <summary>Whose reading of text a CLIP vocabulary is used with: the word pieces are the same, the cleaning before them is not.</summary>
public enum TokenizerStyle
{
    /// <summary>OpenAI's and open_clip's: repair, HTML references read twice, lower case; padding is 0.</summary>
    OpenAi,

    /// <summary>The Hugging Face <c>CLIPTokenizer</c>: control characters dropped, Chinese characters parted, lower case.</summary>
    HuggingFace,
}
