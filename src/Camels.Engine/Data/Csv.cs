using System.Text;

namespace Camels.Engine.Data;

/// <summary>
/// Comma-separated values with quotes as spreadsheets write them: a field that begins with a quote may hold commas, line ends and doubled quotes; in
/// any other a quote is a letter. A line ends in \n, \r\n or \r; blank lines are no rows. As Python's csv module reads it.
/// </summary>
internal static class Csv
{
    public static List<string[]> Read(string text)
    {
        List<string[]> rows = [];
        List<string> fields = [];
        StringBuilder field = new();
        bool isBegun = false;    // the field has a letter or its opening quote
        bool isQuoted = false;
        for (int i = 0; i < text.Length; i++)
        {
            char unit = text[i];
            char next = i + 1 < text.Length ? text[i + 1] : '\0';
            if (isQuoted && unit == '"' && next != '"')
            {
                isQuoted = false;
            }
            else if (isQuoted)
            {
                field.Append(unit);
                i += unit == '"' ? 1 : 0;
            }
            else if (unit == '"' && !isBegun)
            {
                isBegun = isQuoted = true;
            }
            else if (unit == ',')
            {
                EndField();
            }
            else if (unit is '\n' or '\r')
            {
                EndLine();
                i += unit == '\r' && next == '\n' ? 1 : 0;
            }
            else
            {
                field.Append(unit);
                isBegun = true;
            }
        }

        EndLine();
        return rows;

        void EndField()
        {
            fields.Add(field.ToString());
            field.Clear();
            isBegun = false;
        }

        void EndLine()
        {
            if (isBegun || fields.Count > 0)
            {
                EndField();
                rows.Add([.. fields]);
            }

            fields.Clear();
        }
    }
}
