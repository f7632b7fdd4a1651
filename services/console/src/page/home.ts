import "../style/page.css";
import "../style/home.css";
